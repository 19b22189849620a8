"""What the docstrings of the estimators have in common."""

from __future__ import annotations

_PARAMETERS = """\
    model : callable, keras.Model or None, default=None
        What to train. A callable returns a Keras model, compiled or not; its arguments are
        hyperparameters of the estimator (``model__units``, or ``units`` for short). Of the
        arguments ``meta`` (a dict of what is known of the data: ``n_features_in_``,
        ``n_classes_``, ``X_shape_``, ``target_type_``, for a regressor ``y_mean_`` and
        ``y_scale_``, ...), ``compile_kwargs`` (for
        ``model.compile(**compile_kwargs)``), ``params`` (`get_params`, with ``"adam"`` for an
        `optimizer` of None) and ``X`` (the rows that this fit trains on, as the model gets them, to
        adapt layers to), those that it takes are filled in. A model that comes compiled by a
        function that takes neither of the last two keeps what it has, and any setting of
        `optimizer`, `loss`, `metrics`, ``compile__``, `run_eagerly` or `jit_compile` is an error.
        A Keras model is a template: each fit trains a copy. None is :func:`kerasearch.mlp`, or the
        method ``_keras_build_fn`` of a subclass.
    optimizer : str, class or instance of keras.optimizers.Optimizer, default=None
        None: the optimizer of a compiled model; for another, Adam. Its arguments are
        ``optimizer__learning_rate`` and so on. An instance is a template.
    loss : str, callable, class or instance of keras.losses.Loss, or list or dict, default=None
        None: the loss of a compiled model; for another, what follows from the target.
    metrics : list or dict of str, class or instance of keras.metrics.Metric, default=None
        Recorded in `history_` in every epoch, under Keras' names.
    epochs : int, default=200
        Passes over the training rows; 0 builds the model and trains nothing.
    batch_size : int or None, default=32
        Rows in a gradient step, and in a step of prediction; -1 is all rows, None is 32.
    validation_split : float or splitter, default=0.0
        What a fit holds out to validate each epoch on: a share in [0, 1), drawn at random and
        stratified for a classifier (by its rarest label where a row has several), or a scikit-learn
        splitter, whose last split is taken (``TimeSeriesSplit()`` for ordered rows). `X_val` and
        `y_val` of `fit` come before it.
    validation_batch_size : int or None, default=None
        Rows in a step of validation; None is `batch_size`.
    callbacks : callback or class of them, or list or dict of them, default=None
        ``callbacks__0__patience`` (or the key in a dict) reaches the arguments of a class. Each
        fit has copies of the instances, in `callbacks_`: with lists, dicts, arrays and random
        generators of their own where nothing else refers to those; all else (variables, trials,
        lists of yours) stays yours. Those passed to `fit` are used themselves. A search deep-copies
        callbacks of its grid, and worker processes get pickles: what those collect stays there.
        ``{{fit}}`` in a path of a callback becomes a short name of the fit, which follows from its
        parameters, data and seed.
{class_weight}\
    inputs : dict or None, default=None
        Which columns of X go to which Input of the model, by the Input's name: a name, a list of
        names, positions or a slice, as in ``{{"numbers": ["age", "fare"], "cabin": "cabin"}}``.
        Each Input gets its columns with a dtype of their own, text too. None is not needed where
        the Inputs are called exactly as the columns of a frame or the fields of a structured array
        (see :func:`kerasearch.stack_inputs`).
    loader : callable, default=None
        Turns a batch of rows of X (paths, keys, row numbers: what scikit-learn can index by rows)
        into what the model gets, for training, validation and prediction: images on disk, memory
        maps, more than fits into memory. An argument ``rng`` is filled in with a
        `numpy.random.Generator` in training, which follows from seed, epoch and batch, and with
        None else; an argument ``y`` with the batch of the target as the loss gets it, or None: then
        it returns both. Fits with a loader are not stored.
    loader_workers : int, default=0
        How many threads load batches ahead; the numbers are those of none.
{output_to_prediction}\
    allow_nan : bool, default=False
        Whether X and y may have NaN, for a model and a loss of yours that know it. A loss of Keras'
        leaves cells of y that are NaN out: in a y of several columns, positions or fields they
        weigh nothing in the loss of their head, nor in `score`.{nan_in_y}
    shuffle : bool, default=True
        Whether each epoch visits the rows in an order of its own, drawn from `random_state`.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights and optimizer state of the fit before. The epochs
        and `history_` start anew; the model is neither built nor compiled again.
    run_eagerly : bool, default=False
        Whether to run Keras step by step in Python, for debugging.
    jit_compile : bool, "auto", ("auto", int) or None, default=None
        Whether XLA compiles the training. None: as Keras chooses, which is only on an accelerator.
        "auto": where it saves more time than it takes to compile, which follows from the model,
        `batch_size`, `epochs` and the number of rows alone; on an accelerator, and for a model
        that comes compiled, Keras chooses. XLA never frees what it compiled: some 12 MiB for each
        shape of a network. The last bits of the numbers depend on it, and fits with and without
        XLA do not continue each other in a `store`: where a search hands out `epochs`, set it to
        True, False or ``("auto", 81)``, which is "auto" as for 81 epochs, whatever `epochs` is.
    store : str, path-like, FitStore or None, default=None
        Where finished fits are looked up, continued and kept: a directory, or a
        :class:`kerasearch.FitStore`. It needs an integer `random_state`. ``partial_fit`` and
        `warm_start` neither read nor write it. Callbacks are not called for a fit that is read.
    random_state : int, RandomState or None, default=None
        Seeds the initial weights, dropout, the validation rows and the order of each epoch. An
        int gives the same numbers in every call.
    verbose : int, default=0
        0 is silent, 1 shows a bar, 2 prints a line an epoch.
    **kwargs : dict
        Arguments of the builder by their own names, and routed parameters: ``model__``,
        ``optimizer__``, ``loss__``, ``metrics__``, ``callbacks__``, ``compile__``, ``fit__``,
        ``predict__``, ``score__`` and a name.
"""

_OUTPUT_TO_PREDICTION = """\
    output_to_prediction : callable, default=None
        Turns the model's output (a list or dict of them where it has several; by the names of the
        fields where y has some) into what `predict` gives and a score compares with y, as in
        ``lambda output: output[:, 1]`` for the median of three quantiles. With a loss of your own
        the last axis of the output may have any size; without this function, `predict` then gives
        the output itself, and `score` is minus the loss. Of fields it may return some, in a dict.
        A y with more columns than the prediction is compared by its first ones: what only the loss
        reads (censoring, weights) comes last.
"""

_CLASS_WEIGHT = """\
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by label; they multiply `sample_weight`. Where a row has labels at
        several positions, each position has the weight of its label.
"""

_NAN_IN_Y = """ scikit-learn
        itself looks at a classifier's y to choose folds, and refuses NaN there: in a search, give a
        splitter as ``cv``, such as ``KFold(5)``."""

ATTRIBUTES = """\
    model_ : keras.Model
        The trained model.
    history_ : dict of str to list
        Loss and metrics of every epoch, under Keras' own names (``loss``, ``val_loss``, ...).
    n_epochs_ : int
        How many epochs `history_` has; fewer than `epochs` after early stopping.
    n_epochs_trained_ : int
        How many of them the last call trained; the others came from the `store`.
    training_path_, training_reason_ : str
        Which loop trained, ``"compiled"`` or ``"model.fit"``, and why.
    callbacks_ : list of keras.callbacks.Callback
        The callbacks of the last fit. They are not pickled; those of a fit that was read from
        the `store` are as if they had not been called.
    target_encoder_, feature_encoder_ : transformer
        What turned the target and the features into what the model gets.
    n_features_in_ : int
        The size of the second axis of X, or of what `loader` makes of it.
    feature_names_in_ : ndarray of shape (n_features,)
        The columns of X, where it had names.
    X_shape_, X_dtype_, y_shape_, y_ndim_, y_dtype_, target_type_ : tuple, dtype, int, or str
        What X and y looked like in `fit`; ``target_type_`` is what y was taken for.
    inputs_ : dict of str to Bunch
        Of each named part of X: ``shape`` (of a row), ``dtype``, and for whole numbers and text
        ``n_categories`` and the sorted ``vocabulary`` of the rows that trained.
    targets_ : dict of str to Bunch
        Of each field of a y that has some: ``shape`` (of a row), and for whole numbers and text the
        sorted ``classes`` and ``n_classes``; for numbers ``mean`` and ``scale``.
    n_outputs_, n_outputs_expected_ : int
        The number of columns of y, and of outputs of the model.
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
