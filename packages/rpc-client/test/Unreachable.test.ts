import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Layer, Predicate, Redacted } from "effect"
import { createServer, type RequestListener, type Server } from "node:http"
import { TokenVerifier, type Unreachable, UserId, UserServiceClient } from "../src/index.ts"

const key = "a key that no error may hold"
const userId = UserId.make("01890a5d-ac96-774b-bcce-b302099a8057")

const listening = (listener: RequestListener) =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer(listener).listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  ).pipe(
    Effect.map((server) => {
      const address = server.address()
      return { server, port: Predicate.isObject(address) ? address.port : 0 }
    })
  )

const failureAt = Effect.fnUntraced(function* (url: string) {
  const layer = UserServiceClient.layerHttp({ url, apiKey: Redacted.make(key), retries: 0 })
  const client = Context.get(yield* Layer.build(layer), UserServiceClient)
  const failure = yield* Effect.flip(client.getUser(userId))
  assert(failure._tag === "Unreachable", String(failure))
  assert.notInclude(JSON.stringify(failure) + String(failure), key)
  return failure
})

// The message and the causes below it, as a log prints them.
const texts = (failure: Unreachable): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (let error: unknown = failure; error instanceof Error; error = error.cause) found.push(error.message)
  return found
}

describe("a failure to reach the service", () => {
  it.live("says once that nobody listens, and keeps the system's error as its cause", () =>
    Effect.gen(function* () {
      const { port, server } = yield* listening(() => {})
      server.close()
      const failure = yield* failureAt(`http://127.0.0.1:${port}`)
      assert.strictEqual(
        failure.message,
        `The user service gave no answer (connection): connect ECONNREFUSED 127.0.0.1:${port}`
      )
      assert.include(texts(failure).slice(1).join(), "ECONNREFUSED")
    })
  )

  it.live("says what is wrong with TLS", () =>
    Effect.gen(function* () {
      const { port } = yield* listening((_, response) => response.end())
      const failure = yield* failureAt(`https://127.0.0.1:${port}`)
      assert.strictEqual(failure.reason, "connection")
      assert.match(failure.detail, /wrong version number|packet length too long/)
    })
  )

  it.live("says that another server answered, where, and with what", () =>
    Effect.gen(function* () {
      for (const status of [200, 404, 502]) {
        const { port } = yield* listening((_, response) =>
          response.writeHead(status, { "content-type": "text/html" }).end("<html>Welcome</html>")
        )
        const failure = yield* failureAt(`http://127.0.0.1:${port}`)
        assert.strictEqual(failure.reason, "answer")
        assert.strictEqual(
          failure.detail,
          `POST http://127.0.0.1:${port}/rpc was answered ${status} (text/html). Is this the user service's URL?`
        )
      }
    })
  )

  it.live("says the same of the keys that tokens are checked by", () =>
    Effect.gen(function* () {
      const { port, server } = yield* listening(() => {})
      server.close()
      const layer = TokenVerifier.layerJwksUntilExpiry({ url: `http://127.0.0.1:${port}` })
      const { verify } = Context.get(yield* Layer.build(layer), TokenVerifier)
      const token = [{ alg: "EdDSA", typ: "JWT", kid: "k" }, payload, "signature"].map((part) =>
        Buffer.from(Predicate.isString(part) ? part : JSON.stringify(part)).toString("base64url")
      )
      const failure = yield* Effect.flip(verify(Redacted.make(token.join("."))))
      assert(failure._tag === "Unreachable", String(failure))
      assert.strictEqual(failure.reason, "connection")
      assert.strictEqual(failure.detail, `connect ECONNREFUSED 127.0.0.1:${port}`)
    })
  )
})

const payload = {
  sub: userId,
  user_id: userId,
  sid: userId,
  jti: userId,
  iss: "user-service",
  aud: "user-service",
  iat: 1,
  exp: 2,
  token_type: "access"
}

describe("a client that is built wrongly", () => {
  const defectOf = (url: string, apiKey: unknown) =>
    Effect.gen(function* () {
      // As a caller without type checking passes it.
      const options = { url, apiKey: apiKey as Redacted.Redacted<string> }
      const exit = yield* Effect.exit(Layer.build(UserServiceClient.layerHttp(options)))
      assert(Exit.isFailure(exit))
      return String(Cause.squash(exit.cause))
    }).pipe(Effect.scoped)

  it.effect("with a plain string as its key is refused by the option's name, without the key", () =>
    Effect.gen(function* () {
      const defect = yield* defectOf("http://127.0.0.1:8000", key)
      assert.include(defect, "apiKey")
      assert.notInclude(defect, key)
    })
  )

  it.effect("with a URL that fetch cannot use is refused by the option's name, without its password", () =>
    Effect.gen(function* () {
      for (const url of [
        "",
        "localhost:8000",
        "users.internal",
        "ftp://users.internal",
        "http://a:secret@users.internal"
      ]) {
        const defect = yield* defectOf(url, Redacted.make(key))
        assert.match(defect, /\burl\b/, url)
        assert.notInclude(defect, "secret")
      }
    })
  )
})
