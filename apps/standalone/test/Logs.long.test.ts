import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { existsSync, readFileSync, renameSync } from "node:fs"
import { createServer, type Server } from "node:http"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { Canaries, sendEverywhere } from "./Canaries.ts"
import { expectAnswer, sender } from "./Http.ts"
import { journey, register } from "./Journey.ts"
import * as Program from "./Program.ts"
import { UsedFolder } from "./UsedFolder.ts"
import { waitUntil } from "./WaitUntil.ts"

const environment = Effect.map(UsedFolder, (DATA_DIR) => ({
  DATA_DIR,
  LOG_FORMAT: "json",
  BCRYPT_COST: "10",
  RATE_LIMIT_REGISTER: "off"
}))

type Line = Readonly<Record<string, unknown>>

const linesOf = (text: string): ReadonlyArray<Line> =>
  text
    .split("\n")
    .slice(0, -1)
    .map((line): Line => JSON.parse(line))

const profile = "/api/v1/users/profile/"

const read = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : "")

/** A collector of traces, and the requests that it received. */
const collector = Effect.gen(function* () {
  const bodies: Array<string> = []
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer(async (request, response) => {
        bodies.push(await text(request))
        response.end("{}")
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const address = server.address()
  const port = address === null || typeof address === "string" ? assert.fail("No port") : address.port
  return { url: `http://127.0.0.1:${port}`, traces: () => bodies.join("\n") }
})

describe("the log of the program", () => {
  it.layer(UsedFolder.layer, { excludeTestServices: true, timeout: 90_000 })((it) => {
    it.effect(
      "as JSON is one object a line, from the first to the last, and each request has its line",
      () =>
        Effect.gen(function* () {
          const LOG_FILE = join(yield* Program.folder, "service.log")
          const program = yield* Program.start({ ...(yield* environment), LOG_LEVEL: "debug", LOG_FILE })
          const send = sender(program.url)
          yield* journey(send)
          const person = yield* register(send)
          const asked = (id: string, method: string, path: string, token?: string) =>
            send(method, path, { token, headers: { "x-request-id": id } })
          yield* asked("known", "GET", profile, person.access)
          yield* asked("unknown", "GET", profile)
          yield* asked("with an id", "GET", "/api/v1/users/push-tokens/12345/", person.access)
          yield* asked("nowhere", "GET", "/nowhere/12345")
          yield* asked("probe", "GET", "/health/ready")
          const answered = yield* send("GET", profile)
          const { stderr, stdout } = yield* program.stop

          assert.strictEqual(stderr, "")
          const lines = linesOf(stdout)
          const ofRequest = (id: string | null) => {
            const found = lines.filter((line) => line["request_id"] === id)
            assert.strictEqual(found.length, 1, String(id))
            const { duration_ms, timestamp, ...rest } = found[0] ?? {}
            assert.isTrue(typeof duration_ms === "number" && duration_ms > 0)
            assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
            return rest
          }
          const ip = "127.0.0.1"
          const known = { level: "info", request_id: "known", method: "GET", route: profile, status: 200, ip }
          assert.deepStrictEqual(ofRequest("known"), {
            ...known,
            message: `GET ${profile} 200`,
            user_id: person.id
          })
          assert.deepStrictEqual(ofRequest("unknown"), {
            ...known,
            message: `GET ${profile} 401`,
            request_id: "unknown",
            status: 401
          })
          const route = "/api/v1/users/push-tokens/:id/"
          assert.deepInclude(ofRequest("with an id"), { route, status: 404, user_id: person.id })
          const nowhere = ofRequest("nowhere")
          assert.deepInclude(nowhere, { message: "GET (no route) 404", status: 404 })
          assert.notProperty(nowhere, "route")
          assert.deepInclude(ofRequest("probe"), { level: "debug", route: "/health/ready" })
          assert.deepInclude(ofRequest(answered.headers.get("x-request-id")), { status: 401 })
          assert.notInclude(stdout, "12345")

          const requests = lines.filter((line) => "method" in line)
          assert.isAbove(requests.length, 50)
          for (const line of requests) {
            assert.containsAllKeys(line, ["timestamp", "level", "message", "request_id", "status", "duration_ms"])
          }
          assert.strictEqual(read(LOG_FILE), stdout, "the file gets every line too")
        }),
      180_000
    )

    it.effect(
      "holds no credential, wherever one was put; neither does a metric, an error, a trace or an answer",
      () =>
        Effect.gen(function* () {
          const canaries = new Canaries()
          const { traces, url } = yield* collector
          const LOG_FILE = join(yield* Program.folder, "service.log")
          const METRICS_TOKEN = canaries.make("metrics token")
          const used = yield* environment
          const program = yield* Program.start({
            ...used,
            LOG_LEVEL: "all",
            LOG_FILE,
            METRICS_TOKEN,
            SECRET_KEY: canaries.make("secret key"),
            SERVICE_API_KEYS: `gateway:${canaries.make("service key")}`,
            OTEL_EXPORTER_OTLP_ENDPOINT: url,
            OTEL_TRACES_SAMPLER_ARG: "1"
          })
          const send = sender(program.url)
          const answers = yield* sendEverywhere(canaries, send, program.url)
          yield* expectAnswer(send)(401, undefined, "GET", "/metrics")
          const metrics = yield* expectAnswer(send)(200, undefined, "GET", "/metrics", { token: METRICS_TOKEN })
          const { stderr, stdout } = yield* program.stop

          const keys = readFileSync(join(used.DATA_DIR, "jwt-keys.json"), "utf8")
          // An access key, a refresh key and the secret of refresh ids.
          const secrets = [...keys.matchAll(/"(?:d|idSecret|id_secret)":\s*"([^"]+)"/g)].map(([, secret]) =>
            String(secret)
          )
          assert.strictEqual(secrets.length, 3)
          const written = { stdout, stderr, file: read(LOG_FILE), metrics: metrics.text, traces: traces() }
          for (const [where, text] of Object.entries(written)) {
            assert.deepStrictEqual(canaries.in(text), [], where)
            for (const secret of secrets) assert.notInclude(text, secret, where)
            assert.notMatch(text, /\$2[aby]\$\d\d\$/, where)
          }
          assert.strictEqual(stderr, "")
          assert.isAbove(linesOf(stdout).length, 30)
          assert.include(written.traces, "Logins.login")
          assert.include(written.traces, "/api/v1/users/push-tokens/:id/")
          const failures = answers.filter(({ status }) => status >= 400)
          assert.isAbove(failures.length, 15)
          for (const { status, text } of failures) {
            assert.deepStrictEqual(canaries.in(text), [], `an answer of ${status}`)
            assert.notStrictEqual(status, 500)
          }
        }),
      120_000
    )

    it.effect(
      "goes on in a new file when the old one was moved and SIGHUP said so, and no line is lost",
      () =>
        Effect.gen(function* () {
          const LOG_FILE = join(yield* Program.folder, "service.log")
          const program = yield* Program.start({ ...(yield* environment), LOG_FILE })
          const send = sender(program.url)
          const old = `${LOG_FILE}.1`
          const ask = (id: string) => send("GET", profile, { headers: { "x-request-id": id } })
          yield* ask("before")
          yield* waitUntil(
            "The line is in the file",
            Effect.sync(() => read(LOG_FILE).includes(`"request_id":"before"`))
          )
          renameSync(LOG_FILE, old)
          yield* ask("between")
          assert.isFalse(existsSync(LOG_FILE))
          yield* program.signal("SIGHUP")
          yield* waitUntil(
            "Requests are logged in a new file",
            Effect.map(ask("after"), () => read(LOG_FILE).includes(`"request_id":"after"`))
          )
          const { code, stdout } = yield* program.stop
          assert.strictEqual(code, 0)
          assert.include(read(old), `"request_id":"between"`)
          assert.strictEqual(read(old) + read(LOG_FILE), stdout)
        }),
      90_000
    )
  })
})
