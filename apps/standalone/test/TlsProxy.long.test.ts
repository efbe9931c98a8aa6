import { assert, describe, it } from "@effect/vitest"
import { Certificates } from "@user-service/database/testing/Certificates"
import { freePort } from "@user-service/database/testing/PostgresServer"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { connect } from "node:http2"
import * as net from "node:net"
import { join } from "node:path"
import * as tls from "node:tls"
import * as Engines from "./Engines.ts"
import { sender } from "./Http.ts"
import { freshEmail, goodPassword } from "./Journey.ts"
import * as Program from "./Program.ts"
import { internalPaths } from "./PublicPaths.ts"
import { waitUntil } from "./WaitUntil.ts"

const nginx = "/usr/sbin/nginx"

const host = "users.example.com"
const serviceKey = "a-service-key-of-the-test-of-the-proxy"

/** The example's configuration with the ports and the certificate of the test, and no other change. */
const adapted = (values: ReadonlyArray<readonly [RegExp, string]>): string => {
  const example = readFileSync(join(import.meta.dirname, "../../../infra/nginx/user-service.conf"), "utf8")
  return values.reduce((text, [pattern, replacement]) => {
    assert.match(text, pattern)
    return text.replace(pattern, replacement)
  }, example)
}

/** Starts nginx with the example's configuration before the API. */
const proxyOf = Effect.fnUntraced(function* (apiPort: string) {
  const { certificateFile, keyFile, ca } = yield* Certificates
  const folder = yield* Program.folder
  const [plainPort, tlsPort] = yield* Effect.all([freePort, freePort])
  const site = adapted([
    [/server 127\.0\.0\.1:8000;/, `server 127.0.0.1:${apiPort};`],
    [/listen 80;\n *listen \[::\]:80;/, `listen 127.0.0.1:${plainPort};`],
    [/listen 443 (.*);\n *listen \[::\]:443 .*;/, `listen 127.0.0.1:${tlsPort} $1;`],
    [/\/etc\/ssl\/user-service\/fullchain\.pem/, certificateFile],
    [/\/etc\/ssl\/user-service\/privkey\.pem/, keyFile]
  ])
  const file = join(folder, "nginx.conf")
  writeFileSync(
    file,
    `daemon off; pid ${folder}/pid; error_log stderr warn; events {}
    http { access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
    fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
    ${site} }`
  )
  const { status, stderr } = spawnSync(nginx, ["-t", "-p", folder, "-c", file], { encoding: "utf8" })
  assert.strictEqual(status, 0, stderr)
  yield* Effect.acquireRelease(
    Effect.sync(() => spawn(nginx, ["-p", folder, "-c", file], { stdio: "ignore" })),
    (child) =>
      Effect.promise(async () => {
        const gone = once(child, "exit")
        child.kill("SIGTERM")
        await gone
      })
  )
  const answers = (port: number) =>
    Effect.callback<boolean>((resume) => {
      const socket = tls.connect({ host: "127.0.0.1", port, ca })
      socket.once("secureConnect", () => resume(Effect.succeed(true)))
      socket.once("error", () => resume(Effect.succeed(false)))
      return Effect.sync(() => socket.destroy())
    })
  yield* waitUntil("nginx accepts connections", answers(tlsPort))
  return { ca, tlsPort, plainUrl: `http://127.0.0.1:${plainPort}` }
})

interface Sent {
  readonly method?: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** Sends requests over HTTP/2 and TLS, from an address of its own, with the path exactly as it is given. */
const clientOf = ({ ca, tlsPort }: { readonly ca: string; readonly tlsPort: number }) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const socket = tls.connect({
          socket: net.connect({ host: "127.0.0.1", port: tlsPort, localAddress: "127.0.0.2" }),
          host: "127.0.0.1",
          ca,
          ALPNProtocols: ["h2"]
        })
        await once(socket, "secureConnect")
        return connect(`https://${host}`, { createConnection: () => socket })
      }),
      (session) => Effect.sync(() => session.destroy())
    ),
    (session) =>
      ({ body, headers = {}, method = "GET", path }: Sent) =>
        Effect.promise(async () => {
          const stream = session.request({
            ":method": method,
            ":path": path,
            ...(body === undefined ? {} : { "content-type": "application/json" }),
            ...headers
          })
          stream.setEncoding("utf8")
          stream.end(body === undefined ? undefined : JSON.stringify(body))
          const [answered] = await once(stream, "response")
          let text = ""
          for await (const chunk of stream) text += chunk
          return { status: Number(answered[":status"]), headers: answered, text }
        })
  )

const users = "/api/v1/users"

describe.skipIf(!Engines.areAvailable || !existsSync(nginx))("the example of a TLS proxy, in nginx", () => {
  it.live(
    "passes requests of people with their address, closes the other routes, and answers while the API is away",
    () =>
      Effect.gen(function* () {
        const api = yield* Program.start(
          {
            ...(yield* Engines.all),
            TRUSTED_PROXIES: "127.0.0.1",
            PUBLIC_URL: `https://${host}`,
            ALLOWED_HOSTS: `${host},127.0.0.1`,
            ADMIN_ALLOWED_NETWORKS: "127.0.0.2",
            SERVICE_API_KEYS: `gateway:${serviceKey}`
          },
          "api"
        )
        const proxy = yield* proxyOf(new URL(api.url).port)
        const send = yield* clientOf(proxy)

        // A person, over HTTP/2. The forged header changes nothing.
        const registered = yield* send({
          method: "POST",
          path: `${users}/register/`,
          headers: { "x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "http" },
          body: { email: freshEmail(), password: goodPassword }
        })
        assert.strictEqual(registered.status, 201, registered.text)
        assert.strictEqual(registered.headers["strict-transport-security"], "max-age=31536000")
        assert.notInclude(String(registered.headers["server"]), "1.")
        const { id, tokens } = JSON.parse(registered.text).data
        const authorization = `Bearer ${tokens.access}`
        const sessions = yield* send({ path: `${users}/sessions/`, headers: { authorization } })
        assert.strictEqual(JSON.parse(sessions.text).data[0].ip, "127.0.0.2")
        for (const path of ["/.well-known/jwks.json", "/api/schema", "/api/docs/swagger", `${users}/profile`]) {
          assert.strictEqual((yield* send({ path, headers: { authorization } })).status, 200, path)
        }
        assert.strictEqual((yield* send({ path: "/" })).headers["location"], "/api/docs")

        // The console is for the network of the client, and not for that of the proxy.
        for (const path of ["/admin", "/admin/", "/admin/users"]) {
          const { headers, status } = yield* send({ path })
          assert.deepStrictEqual([status, headers["content-type"]], [200, "text/html; charset=utf-8"], path)
          assert.strictEqual((yield* sender(api.url)("GET", path)).status, 404, path)
        }

        // The API answers these routes to those that reach it directly, and to nobody through the proxy, however they are written.
        const direct = sender(api.url)
        const key = { "x-api-key": serviceKey }
        const closed = [
          `/internal/v1/users/${id}`,
          "/metrics",
          "/health",
          "/health/live",
          "/health/ready/",
          `${users}/health/`,
          `${users}/health`
        ]
        for (const path of closed) {
          const reached = yield* direct("GET", path, { headers: key })
          assert.strictEqual(reached.status, 200, path)
          const { status, text } = yield* send({ path, headers: key })
          assert.deepStrictEqual({ status, code: JSON.parse(text).code }, { status: 404, code: "not_found" }, path)
        }
        const spellings = [
          ...internalPaths,
          "/internal",
          `//internal/v1/users/${id}`,
          `/%69nternal/v1/users/${id}`,
          `/INTERNAL/v1/users/${id}`,
          `/api/../internal/v1/users/${id}`,
          `/api/%2e%2e/internal/v1/users/${id}`,
          `/api/..%2finternal/v1/users/${id}`,
          `/api/..\\internal/v1/users/${id}`,
          `/api/\\../internal/v1/users/${id}`,
          `/api/;/../../internal/v1/users/${id}`,
          `/api//../../internal/v1/users/${id}`,
          `/u/x/../../metrics`,
          "/metrics;x",
          "/metrics%00",
          "/metrics?/api/",
          "/./metrics",
          "/rpc",
          "/rpc/",
          "/api/v1/users//health/",
          "/api/v1/users/%68ealth/",
          "/api/v1/../v1/users/health/"
        ]
        for (const path of spellings) {
          for (const method of ["GET", "POST"]) {
            const { status, text } = yield* send({ path, method, headers: key })
            assert.include([400, 404], status, `${method} ${path}: ${text}`)
          }
        }

        const bodyOf = (bytes: number) => {
          const body = { email: freshEmail(), password: goodPassword, name: "" }
          return { ...body, name: "x".repeat(bytes - JSON.stringify(body).length) }
        }
        const largest = yield* send({ method: "POST", path: `${users}/register/`, body: bodyOf(100 * 1024) })
        assert.strictEqual(JSON.parse(largest.text).data.name.length, 1, "the API has read it all")
        const tooLarge = { body: bodyOf(100 * 1024 + 1) }
        const refused = yield* send({ method: "POST", path: `${users}/register/`, ...tooLarge })
        const own = yield* direct("POST", `${users}/register/`, tooLarge)
        assert.deepStrictEqual([refused.status, JSON.parse(refused.text)], [own.status, own.body])
        assert.strictEqual(own.status, 413)

        // Plain HTTP.
        const plain = sender(proxy.plainUrl)
        const read = yield* plain("GET", `${users}/profile/?a=b`)
        assert.deepStrictEqual(
          [read.status, read.headers.get("location")],
          [308, `https://${host}${users}/profile/?a=b`]
        )
        assert.strictEqual((yield* plain("POST", `${users}/login/`, { body: {} })).status, 403)

        yield* api.stop
        const away = yield* send({ path: `${users}/profile/`, headers: { authorization } })
        const message = "The service is not available"
        assert.deepStrictEqual(
          [away.status, away.headers["retry-after"], JSON.parse(away.text)],
          [503, "1", { ...own.body, code: "service_unavailable", message, error: message }]
        )
      }).pipe(Effect.provide(Certificates.layer)),
    120_000
  )
})
