"""DVC's cache: whether it can be written."""

import os
from pathlib import Path

from dvc.config import Config, ConfigError

from stages.runtime.errors import UserError


def check() -> None:
    """Refuse a cache that cannot be written, as another user's: DVC would say so after a training only.

    Raises:
        UserError: it cannot.
    """
    try:
        config = Config.from_cwd()
    except ConfigError:  # of which DVC itself speaks
        return
    if config.dvc_dir is None:  # no repository of DVC's
        return
    cache = Path(config["cache"].get("dir") or Path(config.dvc_dir, "cache"))
    for folder in (cache, *cache.glob("files/md5"), *cache.glob("files/md5/*"), *cache.glob("runs")):
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise UserError(
                f"{folder}: DVC's cache cannot be written; have its owner share it (dvc config cache.shared "
                "group, chmod -R g+rwX), or use one of your own: dvc cache dir --local PATH"
            )
