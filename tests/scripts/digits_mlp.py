"""A multi-layer classifier of handwritten digits, as Keras' own example is written."""

import keras
import numpy as np
from keras import layers
from keras.models import Sequential
from sklearn.datasets import load_digits

num_classes = 10
batch_size = 64
epochs = 12

x, y = load_digits(return_X_y=True)
x = x.astype("float32") / 16
y = keras.utils.to_categorical(y, num_classes)
x_train, x_test, y_train, y_test = x[:1500], x[1500:], y[:1500], y[1500:]
print("x_train shape:", x_train.shape)

keras.utils.set_random_seed(1)
model = Sequential(
    [
        keras.Input(shape=(64,)),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(num_classes, activation="softmax"),
    ]
)
model.summary()

model.compile(
    loss="categorical_crossentropy",
    optimizer=keras.optimizers.Adam(learning_rate=0.001),
    metrics=["accuracy"],
)

history = model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=epochs,
    verbose=2,
    validation_data=(x_test, y_test),
)
score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
predictions = np.argmax(model.predict(x_test, verbose=0), axis=1)
