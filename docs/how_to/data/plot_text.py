"""
Search over a network that reads text
=====================================

X is a list of strings. The text layer of the network learns its vocabulary from the training rows
of each fold. The search decides whether the vocabulary has single words or also pairs of words.
"""

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from kerasearch import KerasClassifier, summarize

# %%
# The documents
# -------------
# Each review has two judgments, and "not" turns a judgment into its opposite. In one of twenty
# reviews, the label is wrong.

rng = np.random.default_rng(0)
GOOD, BAD = ["moving", "witty", "superb"], ["dull", "noisy", "hollow"]
SUBJECTS = ["the film is", "the cast is", "the music is", "the story is", "the end is"]


def review(liked):
    sentences = []
    for subject in rng.choice(SUBJECTS, 2, replace=False):
        negated = rng.random() < 0.4
        word = rng.choice(GOOD if liked != negated else BAD)
        sentences.append(f"{subject} {'not ' if negated else ''}{word}")
    return " and ".join(sentences)


liked = rng.random(400) < 0.5
reviews = [review(good) for good in liked]
opinions = np.where(liked != (rng.random(400) < 0.05), "good", "bad")
for text, opinion in zip(reviews[:3], opinions, strict=False):
    print(f"{opinion:5}{text}")

# %%
# The network
# -----------
# kerasearch fills in the argument ``X`` of the builder with the texts of the training rows.
# Therefore the vocabulary has no words that are only in a test fold.


def reader(X, ngrams=1, width=4):
    words = keras.layers.TextVectorization(max_tokens=200, ngrams=ngrams)
    words.adapt(X)
    text = keras.Input((), dtype="string")
    vectors = keras.layers.Embedding(200, width)(words(text))
    mean = keras.layers.GlobalAveragePooling1D()(vectors)
    return keras.Model(text, keras.layers.Dense(1, activation="sigmoid")(mean))


network = KerasClassifier(reader, epochs=20, optimizer__learning_rate=0.02, random_state=0)
search = GridSearchCV(network, {"ngrams": [1, 2], "width": [1, 4]}, cv=3)
search.fit(reviews, opinions)
summarize(search)[["ngrams", "width", "mean", "std"]].round(3)

# %%
# Single words cannot tell "not dull" from "dull". Pairs of words can do this.

search.predict(["the story is not dull", "the music is not superb and the end is hollow"])

# %%
# The effect of each word
# -----------------------
# The vector of a word times the weights of the last layer says how much the word moves the
# prediction towards "good".

model = search.best_estimator_.model_
text_layer, embedding, _, output = model.layers[-4:]
effect = (embedding.get_weights()[0] @ output.get_weights()[0])[:, 0]
vocabulary = np.array(text_layer.get_vocabulary())
order = np.argsort(effect[: len(vocabulary)])
shown = [*order[:8], *order[-8:]]

figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
ax.barh(vocabulary[shown], effect[shown], color=np.where(effect[shown] > 0, "C0", "C3"))
ax.set(xlabel="bad  ←  effect  →  good")
plt.show()

# %%
# What to try next
# ----------------
# - Use a network that takes numbers: ``make_pipeline(TfidfVectorizer(), KerasClassifier())``.
# - Combine text with numbers: :doc:`plot_several_inputs`.
# - Read which information about the data a builder can get: :class:`~kerasearch.KerasClassifier`.
