# Runs once, when the volume of PostgreSQL is new: creates the role of the service, which owns its database and is no superuser. The
# role acts as an owner without login, so that a second role with another password can take its place (infra/docs/operations.md).
psql --no-psqlrc -v ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'END'
\getenv password DB_PASSWORD
create role user_service_owner nologin;
create role user_service login password :'password' in role user_service_owner;
alter role user_service set role = 'user_service_owner';
alter database user_service owner to user_service_owner;
revoke connect, temporary on database user_service from public;
END
