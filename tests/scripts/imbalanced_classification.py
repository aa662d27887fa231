"""An imbalanced binary classification with class weights, after Keras' fraud detection example."""

import keras
import numpy as np
from keras.callbacks import ModelCheckpoint
from keras.layers import BatchNormalization, Dense, Dropout, Input
from sklearn.datasets import load_breast_cancer

features, targets = load_breast_cancer(return_X_y=True)
# One malignant case (0) in ten.
rare = np.flatnonzero(targets == 0)[:40]
features = np.concatenate([features[targets == 1], features[rare]]).astype("float32")
targets = np.concatenate([np.zeros((357, 1)), np.ones((40, 1))]).astype("uint8")
order = np.random.default_rng(0).permutation(len(features))
features, targets = features[order], targets[order]

num_val_samples = int(len(features) * 0.2)
train_features, train_targets = features[:-num_val_samples], targets[:-num_val_samples]
val_features, val_targets = features[-num_val_samples:], targets[-num_val_samples:]

counts = np.bincount(train_targets[:, 0])
print(f"Positive samples: {counts[1]} of {len(train_targets)}")
weight_for_0 = 1.0 / counts[0]
weight_for_1 = 1.0 / counts[1]

mean = np.mean(train_features, axis=0)
std = np.std(train_features, axis=0)
train_features = (train_features - mean) / std
val_features = (val_features - mean) / std

keras.utils.set_random_seed(2)
model = keras.Sequential(
    [
        Input(shape=train_features.shape[1:]),
        Dense(64, activation="relu"),
        BatchNormalization(),
        Dropout(0.3),
        Dense(64, activation="relu"),
        Dropout(0.3),
        Dense(1, activation="sigmoid"),
    ]
)
model.summary()

metrics = [
    keras.metrics.FalseNegatives(name="fn"),
    keras.metrics.FalsePositives(name="fp"),
    keras.metrics.TrueNegatives(name="tn"),
    keras.metrics.TruePositives(name="tp"),
    keras.metrics.Precision(name="precision"),
    keras.metrics.Recall(name="recall"),
    keras.metrics.AUC(name="auc"),
]

model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=metrics)

callbacks = [ModelCheckpoint("model_at_epoch_{epoch}.keras")]
class_weight = {0: weight_for_0, 1: weight_for_1}

history = model.fit(
    train_features,
    train_targets,
    batch_size=64,
    epochs=15,
    verbose=2,
    callbacks=callbacks,
    validation_data=(val_features, val_targets),
    class_weight=class_weight,
)
score = model.evaluate(val_features, val_targets, verbose=0, return_dict=True)
reloaded = keras.models.load_model("model_at_epoch_15.keras")
same = np.allclose(
    reloaded.predict(val_features, verbose=0), model.predict(val_features, verbose=0)
)
