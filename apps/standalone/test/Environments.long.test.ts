import { assert, describe, it } from "@effect/vitest"
import * as PostgresServer from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"
import { promisify } from "node:util"
import { load, root } from "./ComposeModel.ts"
import * as Engines from "./Engines.ts"
import { expectAnswer, sender } from "./Http.ts"
import { environmentOf } from "./KubernetesModel.ts"
import { render } from "./Kustomization.ts"
import * as Program from "./Program.ts"

const timeout = 180_000

const compose = load(["docker-compose.yml", "infra/compose/production.yml"], {
  PUBLIC_URL: "https://users.example.com",
  ADMIN_ALLOWED_NETWORKS: "192.0.2.0/24",
  DB_PASSWORD: "5f2b9c1e8a4d7063",
  DB_ADMIN_PASSWORD: "7063f5b2c9e18a4d",
  METRICS_TOKEN: "5f2b9c1e8a4d7063f5b2c9e18a4d7063",
  BACKUP_FOLDER: "/mnt/backup",
  ERASURES_FOLDER: "/mnt/erasures",
  ALERTMANAGER_FILE: "/alertmanager.yml",
  REDIS_PASSWORD: "5f2b9c1e8a4d7063",
  RABBITMQ_PASSWORD: "5f2b9c1e8a4d7063",
  GRAFANA_PASSWORD: "5f2b9c1e8a4d7063",
  SERVICE_KEYS_FILE: "/service-keys.json",
  TLS_CERTIFICATE_FILE: "/tls.pem"
}).services
const kubernetes = render("infra/kubernetes/overlays/production")

const deployments = [
  {
    name: "Compose in production",
    postgres: compose["postgres"]?.environment ?? {},
    migrate: compose["migrate"]?.environment ?? {},
    api: compose["api"]?.environment ?? {},
    worker: compose["worker"]?.environment ?? {},
    erasureExport: compose["cli"]?.environment ?? {}
  },
  {
    name: "Kubernetes",
    postgres: undefined,
    migrate: environmentOf(kubernetes, "user-service-migrate"),
    api: environmentOf(kubernetes, "user-service-api"),
    worker: environmentOf(kubernetes, "user-service-worker"),
    erasureExport: environmentOf(kubernetes, "user-service-erasure-export")
  }
]

/** The URL of a new PostgreSQL with the role that Compose creates for the service, and with its password. */
const postgresOfCompose = Effect.fnUntraced(function* (postgres: Program.Environment, service: Program.Environment) {
  const server = yield* PostgresServer.make({
    access: [
      "local all postgres trust",
      "host all postgres 127.0.0.1/32 trust",
      "host all all 127.0.0.1/32 scram-sha-256"
    ]
  })
  yield* server.start
  yield* Engines.execute(`create database ${postgres["POSTGRES_DB"]}`, server.url)
  const env = {
    PATH: process.env["PATH"],
    // As the entry point of the image sets it.
    POSTGRES_USER: "postgres",
    ...postgres,
    PGHOST: server.socketFolder,
    PGPORT: String(server.port)
  }
  yield* Effect.promise(() =>
    promisify(execFile)("bash", ["-e", join(root, "infra/compose/postgres/role.sh")], { env })
  )
  const url = new URL(server.url)
  url.username = service["DB_USER"] ?? ""
  url.password = service["DB_PASSWORD"] ?? ""
  url.pathname = `/${service["DB_NAME"]}`
  const [role] = yield* Engines.execute(
    `select rolsuper or rolcreaterole or rolcreatedb or rolreplication as privileged,
      pg_has_role(d.datdba, 'member') as owner
    from pg_roles, pg_database d where rolname = session_user and datname = current_database()`,
    url.href
  )
  assert.deepStrictEqual(role, { privileged: false, owner: true })
  return { DATABASE_URL: url.href }
})

const worker = { script: Program.cli().script, args: ["worker"] }

describe.skipIf(!Engines.areAvailable || PostgresServer.skipReason !== "")(
  "the environments of the deployments",
  () => {
    for (const deployment of deployments) {
      it.live(
        `migrate a database, export erasures, and start the API and the worker, which stop in peace: ${deployment.name}`,
        () =>
          Effect.gen(function* () {
            const folder = yield* Program.folder
            const JWT_KEYS_FILE = join(folder, "jwt-keys.json")
            const SERVICE_API_KEYS_FILE = join(folder, "service-keys.json")
            yield* Effect.promise(() => writeFile(SERVICE_API_KEYS_FILE, "[]", { mode: 0o440 }))
            const { postgres } = deployment
            const engines = {
              ...(yield* postgres === undefined ? Engines.database : postgresOfCompose(postgres, deployment.api)),
              ...(yield* Engines.redis),
              ...(yield* Engines.rabbitmq)
            }
            // What is not the same here: addresses, and the paths of files.
            const here = (environment: Program.Environment) => {
              const { DB_HOST: _host, DB_NAME: _name, DB_USER: _user, DB_PASSWORD: _password, ...rest } = environment
              const files = { JWT_KEYS_FILE, SERVICE_API_KEYS_FILE }
              return { ...rest, ...engines, ...files, HOST: "127.0.0.1", PORT: "0", WORKER_PORT: "0" }
            }
            const made = yield* Program.run(here(deployment.migrate), Program.cli("keys", "rotate"))
            assert.strictEqual(made.code, 0, made.stderr)

            const refused = yield* Program.run(here(deployment.api), "api")
            assert.strictEqual(refused.code, 1)
            assert.match(refused.stderr, /does not have the schema of this release/)
            const migrated = yield* Program.run(here(deployment.migrate), Program.cli("migrate"))
            assert.strictEqual(migrated.code, 0, migrated.stderr)

            const file = join(folder, "erasures.txt")
            const exported = yield* Program.run(
              here(deployment.erasureExport),
              Program.cli("erasures", "export", "--file", file)
            )
            assert.strictEqual(exported.code, 0, exported.stderr)

            const api = yield* Program.start(here(deployment.api), "api")
            const work = yield* Program.start(here(deployment.worker), worker)
            for (const [program, token] of [
              [api, deployment.api["METRICS_TOKEN"]],
              [work, deployment.worker["METRICS_TOKEN"]]
            ] as const) {
              const expect = expectAnswer(sender(program.url))
              yield* expect(200, undefined, "GET", "/health/live")
              yield* expect(200, undefined, "GET", "/health/ready")
              yield* expect(200, undefined, "GET", "/metrics", { token })
              if (token !== undefined) yield* expect(401, undefined, "GET", "/metrics")
            }
            for (const program of [api, work]) {
              const { code, stderr } = yield* program.stop
              assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
            }
          }),
        timeout
      )
    }
  }
)
