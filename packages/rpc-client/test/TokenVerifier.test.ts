import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Redacted } from "effect"
import { TestClock } from "effect/testing"
import { generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto"
import { once } from "node:events"
import { createServer } from "node:http"
import { TokenVerifier, UserId } from "../src/index.ts"
import { layerTest, TestUsers } from "../src/testing/TestUsers.ts"

const verify = (token: Redacted.Redacted<string>) => TokenVerifier.use((verifier) => verifier.verify(token))

const refused = (token: string) => Effect.map(Effect.flip(verify(Redacted.make(token))), ({ _tag }) => _tag)

describe("introspection", () => {
  const layer = TokenVerifier.layerIntrospection.pipe(Layer.provideMerge(layerTest))

  it.layer(layer)((it) => {
    it.effect("a token is believed for a second, and no longer than it lives", () =>
      Effect.gen(function* () {
        const { add, logOut } = yield* TestUsers
        const { accessToken, userId } = yield* add()
        assert.strictEqual((yield* verify(accessToken)).userId, userId)
        yield* logOut(accessToken)
        yield* TestClock.adjust("999 millis")
        assert.strictEqual((yield* verify(accessToken)).userId, userId)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Effect.flip(verify(accessToken)))._tag, "TokenInvalid")
        const other = yield* add()
        yield* TestClock.adjust(Duration.subtract(Duration.hours(1), Duration.millis(1500)))
        yield* verify(other.accessToken)
        yield* TestClock.adjust("1600 millis")
        assert.strictEqual((yield* Effect.flip(verify(other.accessToken)))._tag, "TokenInvalid")
      })
    )
  })
})

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

const userId = UserId.make(randomUUID())

const claims = (now: number) => ({
  sub: userId,
  user_id: userId,
  token_type: "access",
  sid: randomUUID(),
  jti: "0123456789abcdef",
  iss: "user-service",
  aud: "user-service",
  iat: now,
  exp: now + 3600
})

const token = (
  key: { readonly kid: string; readonly privateKey: KeyObject },
  over: Readonly<Record<string, unknown>> = {},
  header: Readonly<Record<string, unknown>> = {},
  now = 0
) => {
  const head = encode({ alg: "EdDSA", typ: "JWT", kid: key.kid, ...header })
  const text = `${head}.${encode({ ...claims(now), ...over })}`
  return `${text}.${sign(null, Buffer.from(text), key.privateKey).toString("base64url")}`
}

const makeKey = (kid: string) => ({ kid, ...generateKeyPairSync("ed25519") })

/** A server of keys that says how often it was asked. */
class Keys extends Context.Service<
  Keys,
  {
    readonly url: string
    readonly published: Array<ReturnType<typeof makeKey>>
    readonly asked: () => number
    readonly breakDown: (isBroken: boolean) => void
  }
>()("@user-service/rpc-client/test/Keys") {
  static readonly layer = Layer.effect(
    Keys,
    Effect.acquireRelease(
      Effect.promise(async () => {
        const published = [makeKey("first")]
        let asked = 0
        let isBroken = false
        const server = createServer((_, response) => {
          asked++
          const keys = published.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: "jwk" }), kid }))
          response.writeHead(isBroken ? 503 : 200, {
            "content-type": "application/json",
            "cache-control": "public, max-age=300"
          })
          response.end(JSON.stringify({ keys }))
        }).listen(0, "127.0.0.1")
        await once(server, "listening")
        const address = server.address()
        return {
          server,
          url: `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`,
          published,
          asked: () => asked,
          breakDown: (broken: boolean) => void (isBroken = broken)
        }
      }),
      ({ server }) => Effect.sync(() => server.close())
    )
  )
}

const verifying = Layer.unwrap(Effect.map(Keys, ({ url }) => TokenVerifier.layerJwksUntilExpiry({ url })))

// Keys and a verifier of the test's own, on the test's clock.
const withKeys = <A, E>(use: (keys: Keys["Service"]) => Effect.Effect<A, E, TokenVerifier>) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(Layer.fresh(verifying.pipe(Layer.provideMerge(Keys.layer))))
    return yield* Effect.provideContext(use(Context.get(context, Keys)), context)
  }).pipe(Effect.scoped)

const first = ({ published: [key] }: Keys["Service"]) => {
  assert.isDefined(key)
  return key
}

describe("the public keys", () => {
  it.effect("tell whose token it is, until it expires", () =>
    withKeys((keys) =>
      Effect.gen(function* () {
        const good = token(first(keys))
        assert.strictEqual((yield* verify(Redacted.make(good))).userId, userId)
        yield* TestClock.adjust("3599 seconds")
        yield* verify(Redacted.make(good))
        yield* TestClock.adjust("1 seconds")
        assert.strictEqual(yield* refused(good), "TokenExpired")
      })
    )
  )

  it.effect("open to nothing that is not an access token of the service's, as it was written", () =>
    withKeys((keys) =>
      Effect.gen(function* () {
        const key = first(keys)
        const good = token(key)
        const [head = "", body = "", signature = ""] = good.split(".")
        // The last character of 64 bytes in base64url holds 2 bits that say nothing.
        const spelled = signature.slice(0, -1) + { A: "B", Q: "R", g: "h", w: "x" }[signature.slice(-1)]
        const bad = [
          "",
          "a.b.c",
          `${good}.`,
          `${head}.${body}`,
          `${head}.${body}.`,
          `${head}.${body}.${spelled}`,
          `${good}${"x".repeat(5000)}`,
          `${head}.${encode({ ...claims(0), sub: randomUUID() })}.${signature}`,
          token(key, { iss: "another" }),
          token(key, { aud: "another" }),
          token(key, { token_type: "refresh" }),
          token(key, { user_id: randomUUID() }),
          token(key, { iat: 61 }),
          token(key, { nbf: 61 }),
          token(key, { exp: 0 }),
          token(key, {}, { alg: "none" }),
          token(key, {}, { alg: "HS256" }),
          token(key, {}, { typ: "at+jwt" }),
          token({ ...makeKey("first"), kid: key.kid })
        ]
        for (const text of bad) assert.strictEqual(yield* refused(text), "TokenInvalid", text.slice(0, 80))
        yield* verify(Redacted.make(token(key, { iat: 60, nbf: 60 })))
      })
    )
  )

  it.effect("tell ids in lower case, however the token spells them", () =>
    withKeys((keys) =>
      Effect.gen(function* () {
        const sid = randomUUID()
        const capitals = { sub: userId.toUpperCase(), sid: sid.toUpperCase() }
        const claims = yield* verify(Redacted.make(token(first(keys), capitals)))
        assert.deepStrictEqual<unknown>([claims.userId, claims.sessionId], [userId, sid])
      })
    )
  )

  it.effect("are fetched once for all who wait, and again when their time is over", () =>
    withKeys((keys) =>
      Effect.gen(function* () {
        const good = Redacted.make(token(first(keys)))
        yield* Effect.all(
          Array.from({ length: 50 }, () => verify(good)),
          { concurrency: "unbounded" }
        )
        yield* TestClock.adjust("299 seconds")
        yield* verify(good)
        assert.strictEqual(keys.asked(), 1)
        yield* TestClock.adjust("1 seconds")
        keys.published.splice(0, 1, makeKey("second"))
        assert.strictEqual(yield* refused(Redacted.value(good)), "TokenInvalid")
        assert.strictEqual(keys.asked(), 2)
      })
    )
  )

  it.effect("are looked for again for one that is not known, once in ten seconds", () =>
    withKeys((keys) =>
      Effect.gen(function* () {
        yield* verify(Redacted.make(token(first(keys))))
        yield* TestClock.adjust("10 seconds")
        const next = makeKey("next")
        for (let forged = 0; forged < 20; forged++) yield* refused(token(makeKey(`forged-${forged}`)))
        assert.strictEqual(keys.asked(), 2)
        keys.published.push(next)
        assert.strictEqual(yield* refused(token(next)), "TokenInvalid")
        yield* TestClock.adjust("10 seconds")
        yield* verify(Redacted.make(token(next)))
        assert.strictEqual(keys.asked(), 3)
      })
    )
  )

  it.effect("stay while the service is out of reach, which is not asked at every turn then", () =>
    withKeys((keys) =>
      Effect.gen(function* () {
        const good = Redacted.make(token(first(keys)))
        keys.breakDown(true)
        assert.strictEqual(yield* refused(Redacted.value(good)), "Unreachable")
        assert.strictEqual(yield* refused(Redacted.value(good)), "Unreachable")
        assert.strictEqual(keys.asked(), 1)
        keys.breakDown(false)
        yield* TestClock.adjust("1 seconds")
        yield* verify(good)
        keys.breakDown(true)
        yield* TestClock.adjust("301 seconds")
        yield* verify(good)
        yield* TestClock.adjust("9 seconds")
        yield* verify(good)
        assert.strictEqual(keys.asked(), 3)
        yield* TestClock.adjust("1 seconds")
        yield* verify(good)
        assert.strictEqual(keys.asked(), 4)
      })
    )
  )
})
