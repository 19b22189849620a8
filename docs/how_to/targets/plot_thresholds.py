"""
Search with imbalanced classes, and then tune the threshold
===========================================================

If one row of twenty is positive, accuracy is not a good score, and 0.5 is seldom the right
threshold. Therefore the search ranks by average precision, which needs no threshold. scikit-learn
then finds the threshold with the lowest cost.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import confusion_matrix, make_scorer
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV, train_test_split

from kerasearch import KerasClassifier, summarize

# %%
# The data
# --------
# One machine of twenty will fail.

X, y = make_classification(
    3000,
    n_informative=6,
    n_clusters_per_class=2,
    weights=[0.95],
    flip_y=0.02,
    class_sep=1.2,
    random_state=0,
)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
print(f"{y.mean():.3f} of the machines fail.")

# %%
# The search
# ----------
# The folds are stratified, so that each fold has the same share of the rare class.

network = KerasClassifier(epochs=20, random_state=0)
grid = {"hidden_layer_sizes": [(8,), (64,)], "dropout": [0.0, 0.3]}
search = GridSearchCV(network, grid, scoring="average_precision", cv=3).fit(X_train, y_train)
summarize(search)[["hidden_layer_sizes", "dropout", "mean", "std"]].round(3)

# %%
# The threshold
# -------------
# A failure that was not predicted costs 500. A visit to a machine costs 30. The threshold is
# chosen by cross-validation on the training rows.


def cost(y, predicted):
    (_, visits), (failures, caught) = confusion_matrix(y, predicted)
    return 500 * failures + 30 * (visits + caught)


tuned = TunedThresholdClassifierCV(
    search.best_estimator_,
    scoring=make_scorer(cost, greater_is_better=False),
    cv=3,
    store_cv_results=True,
    random_state=0,
).fit(X_train, y_train)

for name, model in [("0.5", search), (f"{tuned.best_threshold_:.2f}", tuned)]:
    print(f"The threshold {name} costs {cost(y_test, model.predict(X_test)):,} on the test rows.")

# %%

thresholds = tuned.cv_results_["thresholds"]
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.plot(thresholds, -np.asarray(tuned.cv_results_["scores"]))
ax.axvline(0.5, color="0.5", ls=":", label="0.5")
ax.axvline(tuned.best_threshold_, color="C1", label="tuned")
ax.set(xlabel="threshold", ylabel="cost of a validation fold")
ax.legend()
plt.show()

# %%
# What to try next
# ----------------
# - Weight the classes in training: :doc:`plot_class_weights`. Class weights change the
#   probabilities, so tune the threshold afterwards.
# - Check the probabilities: :class:`~sklearn.calibration.CalibrationDisplay`.
# - Use ``predict_proba``, which follows scikit-learn: :class:`~kerasearch.KerasClassifier`.
