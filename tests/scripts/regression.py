"""A regression on standardized inputs, with early stopping and a falling learning rate."""

import keras
import numpy as np
from keras import layers
from keras.callbacks import EarlyStopping, ReduceLROnPlateau
from sklearn.datasets import load_diabetes

x, y = load_diabetes(return_X_y=True, scaled=False)
x, y = x.astype("float32"), (y / 100).astype("float32")
x_train, y_train, x_test, y_test = x[:350], y[:350], x[350:], y[350:]

keras.utils.set_random_seed(3)
normalizer = layers.Normalization(axis=-1)
normalizer.adapt(np.array(x_train))


def build_and_compile_model(norm):
    model = keras.Sequential(
        [
            norm,
            layers.Dense(64, activation="relu", kernel_regularizer=keras.regularizers.l2(1e-3)),
            layers.Dense(64, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(
        loss="mean_absolute_error",
        optimizer=keras.optimizers.Adam(0.005),
        metrics=["mse", keras.metrics.RootMeanSquaredError(name="rmse")],
    )
    return model


model = build_and_compile_model(normalizer)
model.predict(x_train[:10], verbose=0)
model.summary()

history = model.fit(
    x_train,
    y_train,
    validation_split=0.2,
    verbose=0,
    epochs=200,
    callbacks=[
        EarlyStopping(monitor="val_loss", patience=10, restore_best_weights=True),
        ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=3, min_lr=1e-5, verbose=0),
    ],
)
test_results = model.evaluate(x_test, y_test, verbose=0)
print(dict(zip(["loss", "mse", "rmse"], test_results)))
best = float(np.min(history.history["val_loss"]))
