import { assert, describe, it } from "@effect/vitest"
import { freePort } from "@user-service/database/testing/PostgresServer"
import { failureBody } from "@user-service/schema/Envelope"
import { Effect, Fiber, Ref, Schedule } from "effect"
import { join } from "node:path"
import process from "node:process"
import { load } from "./ComposeModel.ts"
import * as Engines from "./Engines.ts"
import * as Haproxy from "./Haproxy.ts"
import { freshEmail, goodPassword } from "./Journey.ts"
import * as Program from "./Program.ts"
import { internalPaths } from "./PublicPaths.ts"
import { waitUntil } from "./WaitUntil.ts"

const timeout = 180_000

const key = "x6PpT2mQ9rVb4LkWc8ZdN3sYf7HgJ5uE"
const users = "/api/v1/users"
const nothingHere = failureBody({ code: "not_found", message: "There is nothing here" })

// Each instance of the API has an address of its own, and all have the same port, as in containers. Another run of this test has others.
const network = `127.${1 + (process.pid % 254)}.${Math.floor(process.pid / 254) % 256}`
const addresses = [`${network}.1`, `${network}.2`, `${network}.3`] as const
// An address that no proxy has, so that the API can tell the client from the proxy.
const client = "127.0.77.7"

/** The environment that Compose sets, with the engines of the test. */
const composeEnvironment = Effect.gen(function* () {
  const { services } = load(["docker-compose.yml"])
  const { DB_HOST: _host, DB_NAME: _name, DB_USER: _user, ...environment } = services["api"]?.environment ?? {}
  const folder = yield* Program.folder
  return {
    ...environment,
    ...(yield* Engines.all),
    JWT_KEYS_FILE: join(folder, "jwt-keys.json"),
    TRUSTED_PROXIES: "127.0.0.1",
    SERVICE_API_KEYS: `gateway:${key}`,
    ADMIN_ALLOWED_NETWORKS: client
  }
})

/** The number of requests in the access log of an instance. */
const served = ({ stdout }: Program.Program): number => stdout().split(`"route":"/api/schema"`).length - 1

describe.skipIf(!Engines.areAvailable || !Haproxy.isInstalled)("the proxy of docker-compose.yml", () => {
  it.live(
    "serves the public paths of all instances that are ready, and tells them the address of the client",
    () =>
      Effect.gen(function* () {
        const environment = yield* composeEnvironment
        const migrated = yield* Program.run(environment, Program.cli("migrate"))
        assert.strictEqual(migrated.code, 0, migrated.stderr)
        const port = yield* freePort
        const startAt = (address: string) => Program.start({ ...environment, HOST: address, PORT: String(port) }, "api")
        const dns = yield* Haproxy.dns
        const proxy = yield* Haproxy.start({ apiPort: port, dnsPort: dns.port, tls: false })
        const secureProxy = yield* Haproxy.start({ apiPort: port, dnsPort: dns.port, tls: true })
        const send = (request: Omit<Haproxy.RawRequest, "port">) =>
          Haproxy.send({ from: client, ...request, port: request.secure === true ? secureProxy.https : proxy.http })
        const readSchema = send({ path: "/api/schema" })

        // Without an instance nobody answers, but the proxy itself is healthy.
        const unavailable = yield* readSchema
        assert.strictEqual(unavailable.status, 503)
        assert.strictEqual(unavailable.headers["retry-after"], "1")
        assert.deepStrictEqual(
          JSON.parse(unavailable.text),
          failureBody({ code: "service_unavailable", message: "The service is not available" })
        )

        const first = yield* startAt(addresses[0])
        const second = yield* startAt(addresses[1])
        dns.set(addresses.slice(0, 2))
        const isSharedBy = (...programs: ReadonlyArray<Program.Program>) =>
          waitUntil(
            `${programs.length} instances serve`,
            Effect.map(readSchema, () => programs.every((program) => served(program) > 0))
          )
        yield* isSharedBy(first, second)
        yield* waitUntil(
          "The proxy with TLS serves",
          Effect.map(send({ secure: true, path: "/api/schema" }), ({ status }) => status === 200)
        )

        // A client cannot choose its address, nor claim to use HTTPS.
        const forged = { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https" }
        const account = { email: freshEmail(), password: goodPassword }
        const registered = yield* send({
          secure: true,
          method: "POST",
          path: `${users}/register/`,
          headers: forged,
          body: account
        })
        assert.strictEqual(registered.status, 201, registered.text)
        assert.property(registered.headers, "strict-transport-security")
        const { access } = JSON.parse(registered.text).data.tokens
        const authorization = `Bearer ${access}`
        const sessions = yield* send({ path: `${users}/sessions/`, headers: { ...forged, authorization } })
        assert.notProperty(sessions.headers, "strict-transport-security")
        assert.strictEqual(JSON.parse(sessions.text).data[0].ip, client)

        // The console is for the network of the client, and not for that of the proxy.
        for (const path of ["/admin", "/admin/", "/admin/users"]) {
          assert.strictEqual((yield* send({ secure: true, path })).status, 200, path)
          assert.strictEqual(
            (yield* send({ secure: true, path, from: "127.0.0.1", headers: forged })).status,
            404,
            path
          )
        }

        // With a certificate, plain HTTP is not served.
        const plain = { port: secureProxy.http, path: `${users}/login/`, headers: { host: "users.example.com" } }
        const redirected = yield* Haproxy.send(plain)
        assert.strictEqual(redirected.status, 308)
        assert.strictEqual(redirected.headers["location"], `https://users.example.com${users}/login/`)
        const refused = yield* Haproxy.send({ ...plain, method: "POST", body: account })
        assert.strictEqual(refused.status, 403)
        assert.deepStrictEqual(
          JSON.parse(refused.text),
          failureBody({ code: "forbidden", message: "HTTPS is required" })
        )

        // The service side and the probes are closed, in every spelling. At the API itself they are open.
        const headers = { "x-api-key": key }
        for (const path of ["/metrics", "/health/ready", `${users}/health`, `${users}/health/`]) {
          const open = yield* Effect.promise(() => fetch(`${first.url}${path}`, { headers }))
          assert.strictEqual(open.status, 200, path)
        }
        for (const path of internalPaths.flatMap((path) => [
          path,
          path.endsWith("/") ? path.slice(0, -1) : `${path}/`,
          `${path}?x=/api/`,
          path.toUpperCase(),
          `/${path}`
        ])) {
          for (const method of ["GET", "POST"]) {
            const { status, text } = yield* send({ method, path, headers, ...(method === "POST" ? { body: {} } : {}) })
            assert.strictEqual(status, 404, `${method} ${path}`)
            assert.deepStrictEqual(JSON.parse(text), nothingHere, `${method} ${path}`)
          }
        }
        const otherSpellings = [
          ...internalPaths.flatMap((path) => [`/api/..${path}`, `/api/%2e%2e${path}`, `/u/../${path}`]),
          `${users}/%68ealth/`,
          `${users}/health;x`,
          `${users}/health//`,
          `${users}//health/`,
          `${users}/x/../health/`
        ]
        for (const path of otherSpellings) {
          const { status, text } = yield* send({ path, headers })
          assert.strictEqual(status, 404, `${path}: ${text}`)
        }

        // --scale api=3, then 2, under load: nobody notices.
        const statuses = yield* Ref.make<ReadonlyArray<number>>([])
        const load = yield* Effect.forkChild(
          Effect.repeat(
            Effect.flatMap(readSchema, ({ status }) => Ref.update(statuses, (all) => [...all, status])),
            Schedule.forever
          )
        )
        const third = yield* startAt(addresses[2])
        dns.set(addresses)
        yield* waitUntil(
          "The third instance serves",
          Effect.sync(() => served(third) > 0)
        )
        const stopped = yield* first.stop
        assert.strictEqual(stopped.code, 0, stopped.stderr)
        dns.set(addresses.slice(1))
        const before = served(second)
        yield* waitUntil(
          "The others serve on",
          Effect.sync(() => served(second) > before + 10)
        )
        yield* Fiber.interrupt(load)
        const all = yield* Ref.get(statuses)
        assert.isAbove(all.length, 50)
        assert.deepStrictEqual(
          all.filter((status) => status !== 200),
          []
        )
        assert.strictEqual(yield* proxy.stop, 0)
      }),
    timeout
  )
})
