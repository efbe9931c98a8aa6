import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import * as Engines from "./Engines.ts"
import { sender } from "./Http.ts"
import { hashesWait, registerSome, slowLogins } from "./Hashing.ts"
import * as Load from "./Load.ts"
import * as Program from "./Program.ts"
import { waitUntil } from "./WaitUntil.ts"

const clients = 32
const graceSeconds = 20

const environment = {
  SHUTDOWN_GRACE_SECONDS: String(graceSeconds),
  SHUTDOWN_NOTICE_SECONDS: "2",
  BCRYPT_COST: "13",
  HASH_QUEUE_SIZE: "1000",
  RATE_LIMIT_REGISTER: "off",
  RATE_LIMIT_LOGIN_IP: "off",
  RATE_LIMIT_LOGIN_ACCOUNT: "off"
}

const programs = [
  { name: "the program", app: "standalone", workers: 1 },
  { name: "the API in one process", app: "api", workers: 1 },
  { name: "the API in two processes", app: "api", workers: 2 }
] as const

describe.skipIf(!Engines.areAvailable)("a stop under load", () => {
  for (const { app, name, workers } of programs) {
    it.live(
      `fails no request of a client that leaves when ${name} becomes unready`,
      () =>
        Effect.gen(function* () {
          const program = yield* Program.start(
            { ...environment, ...(yield* Engines.all), WORKERS: String(workers) },
            app
          )
          const send = sender(program.url)
          const registered = yield* registerSome(send, 4)
          const load = Load.begin(program.url, clients, registered.people)
          yield* waitUntil(
            "The load is on",
            Effect.sync(() => load.answered() > 10 * clients)
          )
          const logins = yield* slowLogins(send, registered, workers)
          yield* hashesWait(send)

          const stopped = yield* Clock.currentTimeMillis
          yield* program.signal("SIGTERM")
          const { answered, closing, failures, notReadyAt } = yield* load.left
          const answers = yield* logins.answers
          const ended = yield* program.ended
          const elapsed = (yield* Clock.currentTimeMillis) - stopped

          assert.deepStrictEqual(failures, [])
          assert.isAbove(answered, 10 * clients)
          assert.isAbove(closing, 0, "from then on connections are not kept")
          assert.isAtLeast(notReadyAt, stopped)
          assert.deepStrictEqual(
            answers.filter(({ status }) => status !== 200),
            [],
            "what was under way is finished"
          )
          assert.isAbove(Math.max(...answers.map(({ at }) => at)), notReadyAt + 2000, "even past the notice")
          assert.deepStrictEqual({ code: ended.code, stderr: ended.stderr }, { code: 0, stderr: "" })
          assert.isBelow(elapsed, graceSeconds * 1000)
        }),
      180_000
    )
  }
})
