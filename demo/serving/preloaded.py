"""What every scoring server needs, imported once in the process that they are forked from.

Importing may start no thread: a fork would not have it. What is imported lives as long as the process, so it is put out
of the garbage collector's sight, which would otherwise write into shared pages.
"""

from __future__ import annotations

import gc

import mlflow.artifacts
import mlflow.pyfunc.scoring_server
import mlflow.sklearn
import pandas as pd
import sklearn.compose
import sklearn.ensemble
import sklearn.linear_model
import sklearn.pipeline
import sklearn.preprocessing
import sklearn.tree
import skops.io
import uvicorn

__all__ = ["mlflow", "pd", "sklearn", "skops", "uvicorn"]

gc.collect()
gc.freeze()
