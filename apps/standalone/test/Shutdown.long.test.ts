import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { existsSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { hashesWait, registerSome, slowLogins } from "./Hashing.ts"
import { expectAnswer, sender } from "./Http.ts"
import { register } from "./Journey.ts"
import * as Program from "./Program.ts"
import { UsedFolder } from "./UsedFolder.ts"
import { waitUntil } from "./WaitUntil.ts"

const environment = Effect.map(UsedFolder, (DATA_DIR) => ({
  DATA_DIR,
  BCRYPT_COST: "13",
  HASH_QUEUE_SIZE: "1000",
  RATE_LIMIT_LOGIN_IP: "off",
  RATE_LIMIT_LOGIN_ACCOUNT: "off",
  RATE_LIMIT_REGISTER: "off",
  SHUTDOWN_NOTICE_SECONDS: "2"
}))

/** A connection on which only this text is sent. */
const connectionWith = (url: string, text: string) =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const { hostname, port } = new URL(url)
      const socket = connect({ host: hostname, port: Number(port) })
      socket.on("error", () => socket.destroy())
      socket.once("connect", () => socket.write(text, () => resume(Effect.succeed(socket))))
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

// An incomplete request.
const endless =
  "POST /api/v1/users/login/ HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"

const stops = ["SIGTERM", "SIGINT"] as const

describe("a stop", () => {
  it.layer(UsedFolder.layer, { excludeTestServices: true, timeout: 90_000 })((it) => {
    for (const name of stops) {
      it.effect(
        `by ${name} becomes unready, still answers, completes the requests in progress and ends with 0`,
        () =>
          Effect.gen(function* () {
            const program = yield* Program.start(yield* environment)
            const send = sender(program.url)
            const registered = yield* registerSome(send, 2)
            const logins = yield* slowLogins(send, registered)
            yield* hashesWait(send)

            // Twice, since npm forwards a signal that the terminal also sent to the script.
            yield* Effect.andThen(program.signal(name), program.signal(name))
            const ready = Effect.map(send("GET", "/health/ready"), ({ status }) => status === 200)
            yield* waitUntil(
              "The program is not ready",
              Effect.map(ready, (is) => !is)
            )
            const drained = yield* expectAnswer(send)(503, undefined, "GET", "/health/ready")
            assert.strictEqual(drained.body.code, "service_unavailable")
            assert.match(drained.headers.get("retry-after") ?? "", /^\d+$/)
            yield* expectAnswer(send)(200, undefined, "GET", "/health/live")
            const read = yield* expectAnswer(send)(200, undefined, "GET", "/api/v1/users/profile/", {
              token: registered.people[0]?.access,
              headers: { connection: "keep-alive" }
            })
            assert.strictEqual(read.headers.get("connection"), "close")

            for (const other of stops) if (other !== name) yield* program.signal(other)
            const answers = yield* logins.answers
            assert.deepStrictEqual(
              answers.filter(({ status }) => status !== 200),
              []
            )
            const { code, stderr } = yield* program.ended
            assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
          }),
        120_000
      )
    }

    for (const name of stops) {
      it.effect(
        `by ${name} that is repeated a second later ends at once`,
        () =>
          Effect.gen(function* () {
            const program = yield* Program.start({ ...(yield* environment), SHUTDOWN_GRACE_SECONDS: "60" })
            yield* connectionWith(program.url, endless)
            yield* expectAnswer(sender(program.url))(200, undefined, "GET", "/health/live")
            yield* program.signal(name)
            yield* program.says(/Shutting down: no longer ready/)
            const [elapsed, { code, stderr }] = yield* Effect.timed(
              Effect.andThen(Effect.sleep("1 second"), Effect.andThen(program.signal(name), program.ended))
            )
            assert.deepStrictEqual(
              { code, stderr },
              { code: name === "SIGINT" ? 130 : 143, stderr: `${name} came again: ended at once\n` }
            )
            assert.isBelow(Duration.toSeconds(elapsed), 30, "long before the grace is over")
          }),
        90_000
      )
    }

    const graceSeconds = 3

    /** The duration of a stop while a client holds connections on which only this text was sent. */
    const stopBeside = Effect.fnUntraced(function* (texts: ReadonlyArray<string>, grace = graceSeconds) {
      const program = yield* Program.start({
        ...(yield* environment),
        SHUTDOWN_GRACE_SECONDS: String(grace),
        SHUTDOWN_NOTICE_SECONDS: "0"
      })
      for (const text of texts) yield* connectionWith(program.url, text)
      // Sent after them, so its answer means that they have arrived.
      yield* expectAnswer(sender(program.url))(200, undefined, "GET", "/health/live")
      const [elapsed, { code }] = yield* Effect.timed(program.stop)
      assert.strictEqual(code, 0)
      return Duration.toSeconds(elapsed)
    })

    it.effect(
      "is not delayed beyond the grace period by an endless request",
      () =>
        Effect.gen(function* () {
          const elapsed = yield* stopBeside([endless])
          assert.isBelow(elapsed, graceSeconds + 5)
        }),
      90_000
    )

    const head = "GET /health/live HTTP/1.1\r\nHost: test\r\n"

    it.effect(
      "is not delayed by idle connections",
      () =>
        Effect.gen(function* () {
          const unused = ["", "G", head, `${head}\r\n`, `${head}\r\n${head}`]
          const elapsed = yield* stopBeside(unused, 120)
          assert.isBelow(elapsed, 60)
        }),
      90_000
    )
  })
})

describe("an end in the middle of a first start", () => {
  it.live(
    "is a normal stop if it was requested, and the next start works",
    () =>
      Effect.gen(function* () {
        const DATA_DIR = yield* Program.folder
        const program = yield* Program.launch({ DATA_DIR })
        yield* waitUntil(
          "The database is begun",
          Effect.sync(() => existsSync(join(DATA_DIR, "pglite.new")))
        )
        const { code, stderr, stdout } = yield* program.stop
        assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
        assert.notInclude(stdout, "ready")
        yield* register(sender((yield* Program.start({ DATA_DIR })).url))
      }),
    180_000
  )
})
