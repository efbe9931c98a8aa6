import { assert, describe, it } from "@effect/vitest"
import { NotMigrated } from "@user-service/database/MigrateOnStart"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { chmodSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Engines from "./Engines.ts"
import * as Program from "./Program.ts"

const starter = fileURLToPath(new URL("../../../infra/run.mjs", import.meta.url))
const secret = "s3cret-that-nobody-may-see"

describe.skipIf(!Engines.areAvailable)("a program that PostgreSQL refuses", () => {
  for (const app of ["standalone", "api"] as const) {
    it.live(
      `says why in PostgreSQL's words, without the password it came with: ${app}`,
      () =>
        Effect.gen(function* () {
          const engines = yield* Engines.all
          const refuses = Effect.fnUntraced(function* (change: (url: URL) => void, message: RegExp) {
            const url = new URL(engines.DATABASE_URL)
            change(url)
            const ended = yield* Program.run({ ...engines, DATABASE_URL: url.href }, app)
            assert.deepStrictEqual({ code: ended.code, stdout: ended.stdout }, { code: 1, stdout: "" })
            assert.match(ended.stderr, message)
            assert.notInclude(ended.stderr, secret)
          })
          yield* refuses((url) => {
            url.pathname = "/no_such_database"
          }, /^PostgreSQL cannot be used as DATABASE_URL says: database "no_such_database" does not exist; create it: createdb .*\n$/)
          yield* refuses(
            (url) => {
              url.username = "no_such_role"
              url.password = secret
            },
            // The authentication method of the server decides.
            /^PostgreSQL cannot be used as DATABASE_URL says: (role "no_such_role" does not exist|password authentication failed for user "no_such_role")\n$/
          )
        }),
      120_000
    )
  }
})

describe.skipIf(!Engines.areAvailable)("with MIGRATE_ON_START=off", () => {
  for (const app of ["standalone", "api"] as const) {
    it.live(
      `a start refuses a database that is not migrated, and leaves it as it is: ${app}`,
      () =>
        Effect.gen(function* () {
          const engines = { ...(yield* Engines.all), MIGRATE_ON_START: "off" }
          for (const attempt of [1, 2]) {
            const { code, stderr, stdout } = yield* Program.run(engines, app)
            assert.deepStrictEqual(
              { code, stderr, stdout },
              { code: 1, stderr: `${new NotMigrated().message}\n`, stdout: "" },
              `start ${attempt}`
            )
          }
        }),
      300_000
    )
  }
})

describe.skipIf(!Engines.areAvailable)("in production", () => {
  for (const app of ["standalone", "api"] as const) {
    it.live(
      `a key file that others can read or write is refused, and nothing of it is shown: ${app}`,
      () =>
        Effect.gen(function* () {
          const folder = yield* Program.folder
          const JWT_KEYS_FILE = join(folder, "jwt-keys.json")
          const SERVICE_API_KEYS_FILE = join(folder, "service-keys.json")
          const made = spawnSync(process.execPath, [starter, "cli", "keys", "rotate"], {
            env: { PATH: process.env["PATH"], NODE_ENV: "production", JWT_KEYS_FILE },
            encoding: "utf8"
          })
          assert.strictEqual(made.status, 0, made.stderr)
          writeFileSync(SERVICE_API_KEYS_FILE, "[]", { mode: 0o600 })
          const environment = {
            ...(yield* Engines.all),
            NODE_ENV: "production",
            PUBLIC_URL: "https://users.example.com",
            JWT_KEYS_FILE,
            SERVICE_API_KEYS_FILE
          }
          const refuses = Effect.fnUntraced(function* (path: string, mode: number, setting: string, reason: string) {
            const { mode: before } = statSync(path)
            chmodSync(path, mode)
            const { code, stderr } = yield* Program.run(environment, app)
            const problem = `has mode 0${mode.toString(8)}, so that ${reason}: \`chmod 600 ${path}\` mends it`
            assert.deepStrictEqual(
              { code, stderr },
              { code: 1, stderr: `The key file ${path} (${setting}) ${problem}\n` }
            )
            chmodSync(path, before)
          })
          const readable = "every user of the machine can read it"
          yield* refuses(JWT_KEYS_FILE, 0o644, "JWT_KEYS_FILE, else jwt-keys.json in DATA_DIR", readable)
          yield* refuses(SERVICE_API_KEYS_FILE, 0o660, "SERVICE_API_KEYS_FILE", "its group can write it")
          // The mode of a secret that Kubernetes mounts with an fsGroup.
          for (const path of [JWT_KEYS_FILE, SERVICE_API_KEYS_FILE]) chmodSync(path, 0o440)
          const { stop } = yield* Program.start(environment, app)
          assert.strictEqual((yield* stop).code, 0)
        }),
      300_000
    )
  }
})
