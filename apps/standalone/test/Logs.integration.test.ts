import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Canaries } from "./Canaries.ts"
import * as Engines from "./Engines.ts"
import { sender } from "./Http.ts"
import { freshEmail, register } from "./Journey.ts"
import * as Program from "./Program.ts"

const users = "/api/v1/users"

// Tables that requests with credentials need. Later ones depend on earlier ones.
const tables = ["push_tokens", "sessions", "users"]

describe.skipIf(!Engines.areAvailable)("the log of failures of ours", () => {
  it.live(
    "tells what failed, but not the credentials in the statements that did",
    () =>
      Effect.gen(function* () {
        const canaries = new Canaries()
        const engines = yield* Engines.all
        const program = yield* Program.start({
          ...engines,
          LOG_FORMAT: "json",
          LOG_LEVEL: "all",
          BCRYPT_COST: "10",
          RATE_LIMIT_REGISTER: "off"
        })
        const send = sender(program.url)
        const password = canaries.make("password")
        const person = yield* register(send, { password })
        const access = canaries.token("access token", person.access)
        const refresh = canaries.token("refresh token", person.refresh)
        const fails = (path: string, body: unknown, token?: string) =>
          Effect.map(send("POST", `${users}${path}`, { body, token }), ({ status, text }) => {
            assert.strictEqual(status, 500, `${path}: ${text}`)
            assert.deepStrictEqual(canaries.in(text), [], path)
          })
        const requests: Readonly<Record<string, Effect.Effect<void>>> = {
          push_tokens: fails("/push-tokens/", { token: canaries.make("push token"), platform: "web" }, access),
          sessions: Effect.andThen(
            fails("/token/refresh/", { refresh }),
            fails("/login/", { email: person.email, password })
          ),
          users: Effect.andThen(
            fails("/login/", { email: person.email, password }),
            fails("/register/", { email: freshEmail(), password: canaries.make("password of a registration") })
          )
        }
        for (const table of tables) {
          yield* Engines.execute(`alter table ${table} rename to ${table}_elsewhere`, engines.DATABASE_URL)
          yield* requests[table] ?? assert.fail(table)
        }
        const { stderr, stdout } = yield* program.stop
        assert.isAtLeast(stdout.match(/"message":"Unexpected error while handling a request"/g)?.length ?? 0, 5)
        assert.include(stdout, "does not exist")
        assert.deepStrictEqual(canaries.in(stdout + stderr), [])
        assert.notMatch(stdout + stderr, /\$2[aby]\$\d\d\$/)
        for (const line of stdout.trimEnd().split("\n")) JSON.parse(line)
      }),
    120_000
  )
})
