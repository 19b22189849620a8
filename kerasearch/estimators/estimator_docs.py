"""Docstring sections that the estimators share."""

from __future__ import annotations

_PARAMETERS = """\
    model : callable, keras.Model or None, default=None
        The model-building function, or a Keras model. A function returns a Keras model, compiled or
        not. Its arguments are hyperparameters of the estimator (``model__units``, or ``units`` for
        short). Each fit supplies the following arguments if the function has them: ``meta``, a
        dict with facts about the data (``n_features_in_``, ``n_classes_``, ``X_shape_``,
        ``target_type_``, for a regressor ``y_mean_`` and ``y_scale_``, ...); ``compile_kwargs``,
        for ``model.compile(**compile_kwargs)``; ``params``, the result of `get_params`, with
        ``"adam"`` if `optimizer` is None; and ``X``, the training rows in the form that the model
        gets, to adapt layers to them. If a function has neither ``compile_kwargs`` nor ``params``
        and compiles the model itself, the compile settings of the function are used. Setting
        `optimizer`, `loss`, `metrics`, ``compile__``, `run_eagerly` or `jit_compile` is then an
        error. A Keras model is a template: each fit trains a copy. None means
        :func:`kerasearch.mlp`, or the method ``_keras_build_fn`` of a subclass.
    optimizer : str, class or instance of keras.optimizers.Optimizer, default=None
        The optimizer. Its arguments are parameters of the estimator, such as
        ``optimizer__learning_rate``. Each fit uses a copy of an instance. None keeps the optimizer
        of a compiled model, and means Adam for other models.
    loss : str, callable, class or instance of keras.losses.Loss, or list or dict, default=None
        The loss. None keeps the loss of a compiled model; for other models, the loss follows from
        the target.
    metrics : list or dict of str, class or instance of keras.metrics.Metric, default=None
        Metrics that `history_` records in every epoch, under Keras' names.
    epochs : int, default=200
        Number of passes over the training rows. With 0, the model is built but not trained.
    batch_size : int or None, default=32
        Number of rows in a gradient step and in a prediction step. -1 means all rows; None means
        32.
    validation_split : float or splitter, default=0.0
        The validation rows of each fit. A number in [0, 1) is the share of the rows, which are
        drawn at random. For a classifier, the draw is stratified; if a row has several labels, by
        the rarest label of the row. A scikit-learn splitter gives its last split
        (``TimeSeriesSplit()`` for ordered rows). If `fit` gets `X_val` and `y_val`, they are used
        instead.
    validation_batch_size : int or None, default=None
        Number of rows in a validation step; None means `batch_size`.
    callbacks : callback, callback class, or list or dict of them, default=None
        Callbacks of every fit. ``callbacks__0__patience`` sets an argument of a class in a list; in
        a dict, use the key instead of 0. Each fit uses copies of the instances, which are in
        `callbacks_`. A copy has its own lists, dicts, arrays and random generators if nothing
        else refers to the originals. The copies share all other objects (variables, trials, lists
        of yours) with the originals. Callbacks passed to `fit` are not copied. A search
        deep-copies callbacks that are values in its grid, and worker processes get pickled copies:
        lists filled there are not visible to you. In a path of a callback, ``{{fit}}`` is replaced
        by a short name of the fit, which depends on parameters, data and seed.
{class_weight}\
    inputs : dict or None, default=None
        The columns of X for each Input of the model, by the name of the Input. Columns are a name,
        a list of names, positions or a slice, as in
        ``{{"numbers": ["age", "fare"], "cabin": "cabin"}}``. Each Input gets its columns with a
        dtype that fits them; text is possible too. `inputs` is not needed if the Inputs have the
        names of the columns of a data frame or of the fields of a structured array (see
        :func:`kerasearch.stack_inputs`).
    loader : callable, default=None
        A function that turns a batch of rows of X into the input of the model. It is used in
        training, validation and prediction, for example for images on disk, memory maps, or data
        that do not fit into memory. X then has paths, keys or row numbers, or anything else that
        scikit-learn can index by rows. If the function has an argument ``rng``, it gets a
        `numpy.random.Generator` in training, which depends on seed, epoch and batch, and None
        otherwise. If it has an argument ``y``, it gets the batch of the target in the form that the
        loss gets, or None, and returns both X and y. Fits with a loader are not stored.
    loader_workers : int, default=0
        Number of threads that load batches ahead. It does not change the results.
{output_to_prediction}\
    allow_nan : bool, default=False
        Whether X and y may contain NaN. The model must handle NaN in X. For NaN in y, Keras' losses
        are computed without the missing cells: if y has several columns, positions or fields, a
        missing cell has weight 0 in the loss of its head, and in `score`. A loss of your own must
        handle NaN itself.{nan_in_y}
    shuffle : bool, default=True
        Whether the order of the rows is drawn anew in each epoch. It depends on `random_state`.
    warm_start : bool, default=False
        Whether `fit` continues from the weights and the optimizer state of the previous fit. The
        model is not built or compiled again. The epoch numbers and `history_` start anew.
    run_eagerly : bool, default=False
        Whether Keras runs each step in Python, for debugging.
    jit_compile : bool, "auto", ("auto", int) or None, default=None
        Whether XLA compiles the training. With None, Keras chooses: it uses XLA only on an
        accelerator. With "auto", XLA is used if it saves more time than the compilation takes. This
        depends only on the model, `batch_size`, `epochs` and the number of rows. On an
        accelerator, and for a compiled model, "auto" leaves the choice to Keras. XLA never frees
        compiled programs, which need about 12 MiB for each shape of a network. XLA changes the last
        bits of the results. Fits with and without XLA therefore do not continue each other in a
        `store`. If a search varies `epochs`, set `jit_compile` to True, False or
        ``("auto", 81)``, which chooses as for 81 epochs for every value of `epochs`.
    store : str, path-like, FitStore or None, default=None
        A directory or :class:`kerasearch.FitStore` that keeps finished fits. A fit is read from it
        if it is there, and continues a shorter stored fit. The store needs an integer
        `random_state`. ``partial_fit`` and `warm_start` do not use it. Callbacks are not called for
        a fit that is read from the store.
    random_state : int, RandomState or None, default=None
        Seed of the initial weights, dropout, the validation rows and the order of each epoch. With
        an int, every call gives the same results.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, 2 prints one line for each epoch.
    **kwargs : dict
        Arguments of the model-building function by their own names, and routed parameters. The
        name of a routed parameter begins with ``model__``, ``optimizer__``, ``loss__``,
        ``metrics__``, ``callbacks__``, ``compile__``, ``fit__``, ``predict__`` or ``score__``.
"""

_OUTPUT_TO_PREDICTION = """\
    output_to_prediction : callable, default=None
        A function that turns the output of the model into the result of `predict`, which scores
        compare with y. An example is ``lambda output: output[:, 1]`` for the median of three
        quantiles. If the model has several outputs, the function gets a list or dict of them; if
        y has fields, a dict by the names of the fields. It may then return a dict of some fields.
        With a loss of your own, the last axis of the output may have any size. Without
        `output_to_prediction`, `predict` then returns the output itself, and `score` is minus the
        loss. If y has more columns than the prediction, the first columns are compared. Columns
        that only the loss uses, such as censoring or weights, must therefore come last.
"""

_CLASS_WEIGHT = """\
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by label, which are multiplied with `sample_weight`. If a row has
        labels at several positions, each position has the weight of its label.
"""

_NAN_IN_Y = """ To choose folds,
        scikit-learn reads the y of a classifier and raises an error for NaN. In a search, pass a
        splitter as ``cv``, such as ``KFold(5)``."""

ATTRIBUTES = """\
    model_ : keras.Model
        The trained model.
    history_ : dict of str to list
        Loss and metrics of every epoch, under Keras' names (``loss``, ``val_loss``, ...).
    n_epochs_ : int
        Number of epochs in `history_`; smaller than `epochs` after early stopping.
    n_epochs_trained_ : int
        Number of epochs that the last call trained; the other epochs came from the `store`.
    training_path_, training_reason_ : str
        The training loop that was used, ``"compiled"`` or ``"model.fit"``, and the reason.
    callbacks_ : list of keras.callbacks.Callback
        The callbacks of the last fit. They are not pickled. If the fit was read from the `store`,
        they have their initial state.
    target_encoder_, feature_encoder_ : transformer
        The encoders that turn y and X into the target and the input of the model.
    n_features_in_ : int
        Size of the second axis of X, or of the result of `loader`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X, if it had names.
    X_shape_, X_dtype_, y_shape_, y_ndim_, y_dtype_, target_type_ : tuple, dtype, int, or str
        Shape and dtype of X and y in `fit`, the number of axes of y, and the type of target that y
        was interpreted as.
    inputs_ : dict of str to Bunch
        Facts about each named part of X: ``shape`` (of a row) and ``dtype``; for whole numbers and
        text also ``n_categories`` and the sorted ``vocabulary`` of the training rows.
    targets_ : dict of str to Bunch
        Facts about each field of y, if it has fields: ``shape`` (of a row); for whole numbers and
        text the sorted ``classes`` and ``n_classes``; for numbers ``mean`` and ``scale``.
    n_outputs_, n_outputs_expected_ : int
        Number of columns of y, and number of outputs of the model.
"""

OF_CLASSIFIER = _PARAMETERS.format(
    class_weight=_CLASS_WEIGHT,
    output_to_prediction=_OUTPUT_TO_PREDICTION,
    nan_in_y=_NAN_IN_Y,
)
OF_REGRESSOR = _PARAMETERS.format(
    class_weight="", output_to_prediction=_OUTPUT_TO_PREDICTION, nan_in_y=""
)
OF_TRANSFORMER = _PARAMETERS.format(class_weight="", output_to_prediction="", nan_in_y="")
