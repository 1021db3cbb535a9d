#!/bin/sh
# Start the team's MLflow server. Arguments are options of `mlflow server`, such as --host and --allowed-hosts.
# PGHOST, PGPORT and PGUSER say where PostgreSQL is. Passwords are read from files, so no command line has one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
secrets=${SECRETS:-$here/secrets}
PGPASSWORD=$(cat "$secrets/postgres")
MLFLOW_AUTH_ADMIN_PASSWORD=$(cat "$secrets/admin")
MLFLOW_FLASK_SERVER_SECRET_KEY=$(cat "$secrets/flask")
export PGPASSWORD MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY
export PGUSER="${PGUSER:-mlflow}" MLFLOW_AUTH_CONFIG_PATH="$here/basic_auth.ini"
export MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false # jobs are for language models
exec mlflow server --app-name basic-auth --backend-store-uri postgresql+psycopg2:///mlflow \
	--serve-artifacts --artifacts-destination "${ARTIFACTS:-$here/artifacts}" "$@"
