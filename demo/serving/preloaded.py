"""Imports for every scoring server, loaded once in the process that they are forked from.

The imports must not start threads: a fork would not have them. Imported objects live as long as the process, so they
are frozen for the garbage collector, which would otherwise write into shared pages.
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
