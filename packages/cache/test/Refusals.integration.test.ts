import { assert, describe, it } from "@effect/vitest"
import { RedisHealth } from "@user-service/cache/Redis"
import * as Certificates from "@user-service/cache/testing/Certificates"
import * as RedisServer from "@user-service/cache/testing/RedisServer"
import { Context, Effect, Layer } from "effect"
import { spawnSync } from "node:child_process"
import { createServer } from "node:net"
import { oneProcess } from "./engine.ts"

const areInstalled = [
  ["redis-server", "--version"],
  ["openssl", "version"]
].every(([program = "", argument = ""]) => spawnSync(program, [argument]).status === 0)

/** Why nothing works at this address. */
const problemAt = (url: string) =>
  Effect.gen(function* () {
    const health = Context.get(yield* Layer.build(oneProcess(url, "test:")), RedisHealth)
    const { message, problem } = yield* Effect.flip(health.ping)
    assert.strictEqual(message, `Redis cannot be used as REDIS_URL says: ${problem}`)
    assert.notInclude(message, "hunter2")
    return problem
  }).pipe(Effect.scoped)

const started = Effect.fnUntraced(function* (options: Parameters<typeof RedisServer.make>[0]) {
  const server = yield* RedisServer.make(options)
  yield* server.start
  return new URL(server.url)
})

const changed = (url: URL, change: (url: URL) => void): string => {
  const copy = new URL(url)
  change(copy)
  return copy.href
}

/** A server that takes connections, and answers each with the words, or with nothing. */
const serverThatSays = (words: string) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
      const server = createServer((socket) => {
        socket.resume().on("error", () => socket.destroy())
        if (words !== "") socket.once("data", () => socket.end(words))
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        if (address === null || typeof address === "string") return assert.fail("No port")
        resume(Effect.succeed({ port: address.port, close: () => void server.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )
const silent = serverThatSays("")

describe.skipIf(!areInstalled)("why Redis cannot be used is told (skipped without redis-server or openssl)", () => {
  it.live("where the password is wrong, or missing, or the database is not there", () =>
    Effect.gen(function* () {
      const url = yield* started({ password: "right" })
      const wrong = changed(url, (url) => (url.password = "hunter2"))
      assert.match(yield* problemAt(wrong), /^it refuses the user or the password \(WRONGPASS/)
      const none = changed(url, (url) => (url.password = ""))
      assert.match(yield* problemAt(none), /^it asks for a password \(NOAUTH/)
      const database = changed(url, (url) => (url.pathname = "/99"))
      assert.match(yield* problemAt(database), /^it has no database of this number \(ERR DB index is out of range\)$/)
      const cluster = `${url.href}?cluster=true`
      assert.match(yield* problemAt(cluster), /^it is no Redis Cluster: name one host, without \?cluster=true/)
    })
  )

  it.live("where another server answers", () =>
    Effect.gen(function* () {
      const { port } = yield* serverThatSays("HTTP/1.1 400 Bad Request\r\n\r\n")
      assert.match(yield* problemAt(`redis://127.0.0.1:${port}`), /^another server than Redis answers there \(/)
    })
  )

  it.live("where it is a node of a cluster", () =>
    Effect.gen(function* () {
      const url = yield* started({ isCluster: true })
      assert.match(yield* problemAt(url.href), /^it is a node of a Redis Cluster: /)
      assert.match(yield* problemAt(`${url.href}?cluster=true`), /^the cluster is down/)
    })
  )

  it.live("where TLS is expected and not spoken, or its certificate is of no known authority", () =>
    Effect.gen(function* () {
      const url = yield* started({ tls: yield* Certificates.make("IP:127.0.0.1") })
      assert.match(
        yield* problemAt(url.href),
        /^its certificate is of an authority that is not trusted here; NODE_EXTRA_CA_CERTS names .*DEPTH_ZERO_SELF_SIGNED_CERT\)$/
      )
      const plain = url.href.replace("rediss:", "redis:")
      assert.match(yield* problemAt(plain), /^the other side closed the connection; perhaps it expects TLS/)
    })
  )

  it.live("where nothing listens, answers or is known by the name, one Redis or a cluster", () =>
    Effect.gen(function* () {
      for (const suffix of ["", "?cluster=true"]) {
        assert.match(
          yield* problemAt(`redis://:hunter2@127.0.0.1:1${suffix}`),
          /^nothing listens there \(connect ECONNREFUSED 127\.0\.0\.1:1\)$/
        )
        assert.match(
          yield* problemAt(`redis://:hunter2@no-such-host.invalid${suffix}`),
          /^the name of the host is not known \(getaddrinfo (ENOTFOUND|EAI_AGAIN) no-such-host\.invalid\)$/
        )
        const { port } = yield* silent
        assert.match(yield* problemAt(`redis://:hunter2@127.0.0.1:${port}${suffix}`), /^no answer in time/)
      }
    })
  )
})
