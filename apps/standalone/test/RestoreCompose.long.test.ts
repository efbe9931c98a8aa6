import { assert, describe, it } from "@effect/vitest"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { globSync } from "node:fs"
import { chmod, readFile, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { load } from "./ComposeModel.ts"
import * as Engines from "./Engines.ts"
import * as Guide from "./Guide.ts"
import * as Program from "./Program.ts"

const folders = { BACKUP_FOLDER: "/srv/backup", ERASURES_FOLDER: "/srv/erasures" }
const { services } = load(["docker-compose.yml", "infra/compose/production.yml"], {
  PUBLIC_URL: "https://users.example.com",
  ADMIN_ALLOWED_NETWORKS: "192.0.2.0/24",
  DB_PASSWORD: "5f2b9c1e8a4d7063",
  DB_ADMIN_PASSWORD: "7063f5b2c9e18a4d",
  REDIS_PASSWORD: "5f2b9c1e8a4d7063",
  RABBITMQ_PASSWORD: "5f2b9c1e8a4d7063",
  GRAFANA_PASSWORD: "5f2b9c1e8a4d7063",
  METRICS_TOKEN: "5f2b9c1e8a4d7063f5b2c9e18a4d7063",
  SERVICE_KEYS_FILE: "/service-keys.json",
  TLS_CERTIFICATE_FILE: "/tls.pem",
  ALERTMANAGER_FILE: "/alertmanager.yml",
  ...folders
})

/** Where a service mounts a volume or a folder of the host. */
const mountOf = (service: string, source: string): string =>
  services[service]?.volumes?.find((volume) => volume.startsWith(`${source}:`))?.split(":")[1] ??
  assert.fail(`${service} does not mount ${source}`)

/**
 * A program in the place of `production`, which is `docker compose` with the files of production. It runs here what the container
 * would run, with the mounted folders of this test in place of the paths in the container.
 */
const productionScript = (mounts: ReadonlyArray<readonly [path: string, folder: string]>) => `#!/usr/bin/env bash
set -euo pipefail
if [[ $1 == --progress ]]; then shift 2; fi
action=$1; shift
entrypoint=()
while [[ $1 == -* ]]; do
  case $1 in
    --rm | --no-deps | -T) shift ;;
    -u) shift 2 ;;
    --entrypoint) entrypoint=("$2"); shift 2 ;;
    *) echo "unknown option $1" >&2; exit 64 ;;
  esac
done
service=$1; shift
arguments=("$@")
${mounts.map(([path, folder]) => `arguments=("\${arguments[@]//"${path}/"/"${folder}/"}")`).join("\n")}
case "$action $service" in
  "exec redis") exec "\${arguments[0]}" -h 127.0.0.1 -p "$REDIS_PORT" "\${arguments[@]:1}" ;;
  "exec postgres" | "run postgres") exec "\${entrypoint[@]}" "\${arguments[@]}" ;;
  "run cli")
    if ((\${#entrypoint[@]} == 0)); then entrypoint=(node "$CLI"); fi
    exec "\${entrypoint[@]}" "\${arguments[@]}" ;;
  *) echo "unknown: $action $service" >&2; exit 64 ;;
esac
`

describe.skipIf(!Engines.areAvailable || PostgresServer.skipReason !== "")("the guide's restore with Compose", () => {
  it.live(
    "archives, backs up, exports erasures, and restores a point in time and the signing keys",
    () =>
      Effect.gen(function* () {
        // As `initdb` of the image permits.
        const server = yield* PostgresServer.make({
          access: ["local all all trust", "local replication all trust", "host all all 127.0.0.1/32 trust"]
        })
        yield* server.start
        const [backup, programs] = [yield* Guide.backupFolder, yield* Guide.backupFolder]
        const [keys, erasures] = [yield* Program.folder, yield* Program.folder]
        const { DATABASE = "", PGUSER = "" } = services["postgres"]?.environment ?? {}
        yield* Engines.execute(`create database ${DATABASE}`, server.url)
        const DATABASE_URL = server.url.replace(/\/postgres$/, `/${DATABASE}`)
        const production = join(programs, "production")
        yield* Effect.promise(() =>
          writeFile(
            production,
            productionScript([
              [mountOf("cli", folders.ERASURES_FOLDER), erasures],
              [mountOf("cli", "keys"), keys]
            ])
          )
        )
        yield* Effect.promise(() => chmod(production, 0o755))

        const { REDIS_URL } = yield* Engines.redis
        const keyFile = join(keys, "jwt-keys.json")
        const KEYS_COPY = join(yield* Program.folder, "copy.json")
        const ofCli = {
          programs,
          env: {
            CLI: Guide.cliBundle,
            DATABASE_URL,
            JWT_KEYS_FILE: keyFile,
            KEYS_COPY,
            NODE_ENV: "production",
            REDIS_PORT: new URL(REDIS_URL).port
          }
        }
        const BACKUP = backup
        const PGDATA = join(server.socketFolder, "data")
        // The container needs no PGHOST and PGPORT, since its socket is in the default folder.
        const inContainer = {
          BACKUP,
          DATABASE,
          PGDATA,
          PGHOST: server.socketFolder,
          PGPORT: String(server.port),
          PGUSER
        }
        const inPostgres = (block: string, how: string, env: Readonly<Record<string, string>> = {}) =>
          Guide.execute(`production ${how} <<'BLOCK'\n${Guide.commandsOf(block)}BLOCK`, {
            asPostgres: true,
            env: { ...inContainer, ...env },
            programs
          })
        const exec = "exec -T -u postgres postgres bash -euo pipefail"
        yield* inPostgres("archive", exec)
        yield* server.stop
        yield* server.start
        yield* inPostgres("archive-check", exec)
        yield* Guide.execute("production run --rm -T cli keys rotate; production run --rm -T cli migrate", ofCli)

        const [kept, gone] = [randomUUID(), randomUUID()]
        yield* Engines.execute(
          `insert into users (id, email, username, password_hash, created_at, updated_at)
            select id::uuid, id || '@example.com', id, '', now(), now() from unnest(array['${kept}', '${gone}']) id`,
          DATABASE_URL
        )
        assert.include(yield* inPostgres("base-backup", exec), "backup successfully verified")
        const [time] = yield* Engines.execute("select clock_timestamp()::text", DATABASE_URL)
        const RESTORE_TO = String(Object.values(time ?? {})[0])
        yield* Engines.execute(`delete from users where id = '${gone}'`, DATABASE_URL)
        yield* Engines.execute(`insert into erasures values ('${gone}', now(), now())`, DATABASE_URL)
        assert.match(yield* Guide.run("compose-export", ofCli), /^Erasures added to .*: 1, in all: 1\n$/)
        yield* Guide.run("compose-keys-copy", ofCli)
        yield* inPostgres("archive-check", exec)
        yield* server.kill

        const [BASE = ""] = globSync(join(backup, "base-*Z"))
        yield* inPostgres("restore", "run --rm -T -u postgres --entrypoint bash postgres -euo pipefail", {
          BASE,
          RESTORE_TO
        })
        yield* server.start
        yield* inPostgres("recovered", exec)
        const users = Effect.map(Engines.execute("select id from users order by id", DATABASE_URL), (rows) =>
          rows.flatMap((row) => Object.values(row))
        )
        assert.deepStrictEqual(yield* users, [kept, gone].toSorted())
        const report = yield* Guide.run("compose-replay", ofCli)
        assert.match(report, /^OK\n/)
        assert.match(report, /erased again: +1\n/)
        assert.match(report, /Users with raised versions: 1\n$/)
        assert.deepStrictEqual(yield* users, [kept])

        const original = yield* Effect.promise(() => readFile(keyFile, "utf8"))
        yield* Effect.promise(() => rm(keyFile))
        yield* Guide.run("compose-keys-restore", ofCli)
        for (const path of [keyFile, KEYS_COPY]) {
          assert.strictEqual(yield* Effect.promise(() => readFile(path, "utf8")), original)
          assert.strictEqual((yield* Effect.promise(() => stat(path))).mode & 0o777, 0o600)
        }
      }),
    180_000
  )
})
