import { assert, describe, it } from "@effect/vitest"
import { BrokerHealth } from "@user-service/broker/RabbitMq"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import { Context, Effect, Layer, Redacted } from "effect"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createServer as createTlsServer } from "node:tls"
import { rabbitmqUrl } from "./engine.ts"

/** Why nothing works at this address. */
const problemAt = (url: string) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(Layer.fresh(RabbitMq.layer({ url: Redacted.make(url) })))
    const { message, problem } = yield* Effect.flip(Context.get(context, BrokerHealth).ping)
    assert.strictEqual(message, `RabbitMQ cannot be used as RABBITMQ_URL says: ${problem}`)
    assert.notInclude(message, "hunter2")
    return problem
  }).pipe(Effect.scoped)

const changed = (change: (url: URL) => void): string => {
  const url = new URL(rabbitmqUrl)
  change(url)
  return url.href
}

const listening = (make: () => Server) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly server: Server; readonly port: number }>((resume) => {
      const server = make()
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (address === null || typeof address === "string") return assert.fail("No port")
        resume(Effect.succeed({ server, port: address.port }))
      })
    }),
    ({ server }) => Effect.sync(() => server.close())
  ).pipe(Effect.map(({ port }) => port))

const certificate = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "certificate-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
).pipe(
  Effect.map((folder) => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "certificate.pem")]
    const what = [
      "req",
      "-x509",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=test",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1"
    ]
    execFileSync("openssl", [...what, "-keyout", key, "-out", cert], { stdio: "ignore" })
    return { key: readFileSync(key), cert: readFileSync(cert) }
  })
)

describe("why RabbitMQ cannot be used is told", () => {
  it.live.skipIf(rabbitmqUrl === "")("where it refuses the password (skipped without RabbitMQ)", () =>
    Effect.gen(function* () {
      const wrong = changed((url) => {
        url.username = "nobody"
        url.password = "hunter2"
      })
      assert.match(yield* problemAt(wrong), /^it refuses the user or the password \(.*ACCESS_REFUSED/)
    })
  )

  it.live.skipIf(rabbitmqUrl === "")("where it has no such virtual host (skipped without RabbitMQ)", () =>
    Effect.gen(function* () {
      const unknown = changed((url) => (url.pathname = "/no-such-vhost"))
      assert.match(
        yield* problemAt(unknown),
        /^it refuses the virtual host: none has the name, or the user may not use it/
      )
    })
  )

  it.live.skipIf(spawnSync("openssl", ["version"]).status !== 0)(
    "where its certificate is of no known authority, or TLS is expected (skipped without openssl)",
    () =>
      Effect.gen(function* () {
        const tls = yield* certificate
        const port = yield* listening(() => createTlsServer(tls))
        assert.match(
          yield* problemAt(`amqps://user:hunter2@127.0.0.1:${port}`),
          /^its certificate is of an authority that is not trusted here; NODE_EXTRA_CA_CERTS names/
        )
        assert.match(
          yield* problemAt(`amqp://user:hunter2@127.0.0.1:${port}`),
          /^the other side closed the connection; perhaps it expects TLS/
        )
      })
  )

  it.live("where nothing listens, answers, or speaks AMQP", () =>
    Effect.gen(function* () {
      assert.match(
        yield* problemAt("amqp://user:hunter2@127.0.0.1:1"),
        /^nothing listens there \(connect ECONNREFUSED 127\.0\.0\.1:1\)$/
      )
      const silent = yield* listening(() =>
        createServer((socket) => socket.resume().on("error", () => socket.destroy()))
      )
      assert.strictEqual(yield* problemAt(`amqp://user:hunter2@127.0.0.1:${silent}`), "no answer in time")
      const web = yield* listening(() =>
        createServer((socket) => socket.on("error", () => socket.destroy()).end("HTTP/1.1 400 Bad Request\r\n\r\n"))
      )
      assert.match(yield* problemAt(`amqp://user:hunter2@127.0.0.1:${web}`), /^what listens there does not speak AMQP/)
      assert.strictEqual(
        yield* problemAt(`amqps://user:hunter2@127.0.0.1:${web}`),
        "what listens there does not speak TLS (ERR_SSL_WRONG_VERSION_NUMBER)"
      )
    })
  )
})
