"""
Search over class weights
=========================

If most training rows have the same class, a network mostly predicts this class. ``class_weight``
gives the rows of a rare class a larger weight in the loss. It is a hyperparameter like any other.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from kerasearch import KerasClassifier, param_grid, summarize

# %%
# The data
# --------
# Most calls to a service are questions. Few calls are complaints, and very few calls are from
# customers who leave.

X, number = make_classification(
    2400,
    n_informative=6,
    n_classes=3,
    n_clusters_per_class=1,
    weights=[0.85, 0.11, 0.04],
    class_sep=0.6,
    flip_y=0.03,
    random_state=1,
)
y = pd.Series(number).map({0: "question", 1: "complaint", 2: "leaves"}).to_numpy()
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
pd.Series(y).value_counts()

# %%
# The search
# ----------
# ``"balanced"`` weights each class by the inverse of its number of rows in the fold. A dict has a
# weight for each label. The balanced accuracy is the mean recall of the classes.

pipeline = make_pipeline(StandardScaler(), KerasClassifier(epochs=20, random_state=0))
some = {"question": 1, "complaint": 2, "leaves": 5}
grid = param_grid(pipeline, class_weight=[None, some, "balanced"])
search = GridSearchCV(
    pipeline, grid, scoring=["balanced_accuracy", "accuracy"], refit="balanced_accuracy", cv=3
)
search.fit(X_train, y_train)
summarize(search)[["class_weight", "mean", "std", "mean_accuracy"]].round(3)

# %%
# With balanced weights, the network finds more rows of the rare classes. The accuracy is lower,
# because more questions get a wrong label.

labels = ["question", "complaint", "leaves"]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained", sharey=True)
unweighted = search.estimator.set_params(kerasclassifier__class_weight=None).fit(X_train, y_train)
for ax, model, title in zip(
    axes, [unweighted, search], ["no weights", "balanced weights"], strict=True
):
    ConfusionMatrixDisplay.from_estimator(
        model, X_test, y_test, labels=labels, normalize="true", ax=ax, colorbar=False, cmap="Blues"
    )
    ax.set(title=title)
plt.show()

# %%
# What to try next
# ----------------
# - Use the costs of errors with two classes: :doc:`plot_thresholds`.
# - Give each row its own weight: ``search.fit(X, y, kerasclassifier__sample_weight=weights)``.
# - Use ``class_weight`` for labels at positions too: :class:`~kerasearch.KerasClassifier`.
