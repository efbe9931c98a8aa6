import { Clock, Context, Duration, Effect, Layer, Option, Schema, Semaphore } from "effect"
import { SecureRandom, Signature } from "effect/crypto"
import { Base64Url } from "effect/encoding"
import { FetchHttpClient, HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { at } from "./Address.ts"
import { Unreachable } from "./Unreachable.ts"

export type VerifyingKey = Signature.PublicKey<Signature.Ed25519>

/** How soon the keys are asked for again, for one that is not among them or by a service that did not answer. */
const again = Duration.seconds(10)

/** The same while there are none. */
const emptyEvery = Duration.seconds(1)

const timeout = Duration.seconds(3)

// What the service says where it says nothing.
const usualMaxAge = Duration.minutes(5)

const KeySet = Schema.Struct({
  keys: Schema.Array(Schema.Struct({ kty: Schema.String, crv: Schema.String, kid: Schema.String, x: Schema.String }))
})

/** The public keys that the service signs access tokens with (RFC 7517). */
export class Jwks extends Context.Service<
  Jwks,
  {
    /**
     * The key of that id, none where there is none. The keys are kept for as long as the service says, and on while it is
     * out of reach. For an id that is not among them they are fetched again, at most once in ten seconds: forging is cheap.
     */
    readonly find: (kid: string) => Effect.Effect<Option.Option<VerifyingKey>, Unreachable>
  }
>()("@user-service/rpc-client/Jwks") {
  static readonly layer = (options: { readonly url: string }) =>
    Layer.effect(Jwks, make(at(options, "/.well-known/jwks.json"))).pipe(Layer.provide(FetchHttpClient.layer))
}

interface Held {
  readonly keys: ReadonlyMap<string, VerifyingKey>
  readonly freshUntil: number
}

const maxAge = (cacheControl: string | undefined): Duration.Duration => {
  const [, seconds] = /(?:^|[\s,])max-age=(\d{1,6})\b/i.exec(cacheControl ?? "") ?? []
  return seconds === undefined ? usualMaxAge : Duration.seconds(Number(seconds))
}

const keysOf = ({ keys }: typeof KeySet.Type) =>
  Effect.forEach(
    keys.filter(({ crv, kty }) => kty === "OKP" && crv === "Ed25519"),
    ({ kid, x }) =>
      Effect.fromResult(Base64Url.decode(x)).pipe(
        Effect.flatMap((bytes) => Signature.publicKey(Signature.ed25519, bytes)),
        Effect.map((key) => [kid, key] as const)
      )
  )

const make = Effect.fnUntraced(function* (url: string) {
  const http = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
  const turn = yield* Semaphore.make(1)
  let held: Held | undefined
  let askedAt = Number.NEGATIVE_INFINITY
  let failure: Unreachable | undefined

  const fetchKeys = http.get(url).pipe(
    Effect.flatMap((response) =>
      Effect.all({
        keys: Effect.flatMap(HttpClientResponse.schemaBodyJson(KeySet)(response), keysOf),
        maxAge: Effect.succeed(maxAge(response.headers["cache-control"]))
      })
    ),
    Effect.mapError((error) =>
      HttpClientError.isHttpClientError(error)
        ? Unreachable.fromHttpClientError(error.reason)
        : new Unreachable({ reason: "answer", detail: `The keys cannot be read: ${error.message}`, cause: error })
    ),
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.fail(new Unreachable({ reason: "timeout", detail: "the keys did not come" }))
    })
  )

  const fresh = Effect.fnUntraced(function* (now: number) {
    const { keys, maxAge } = yield* fetchKeys
    held = { keys: new Map(keys), freshUntil: now + Duration.toMillis(maxAge) }
    askedAt = now
    failure = undefined
  })

  const fail = (error: Unreachable) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      askedAt = now
      failure = error
    })

  const isDue = (kid: string, now: number): boolean => {
    if (held === undefined) return now >= askedAt + Duration.toMillis(emptyEvery)
    const isFresh = now < held.freshUntil
    if (isFresh && held.keys.has(kid)) return false
    return (!isFresh && failure === undefined) || now >= askedAt + Duration.toMillis(again)
  }

  // One asks, the others wait and find what it got.
  const refresh = (kid: string) =>
    turn.withPermit(
      Effect.flatMap(Clock.currentTimeMillis, (now) => (isDue(kid, now) ? Effect.catch(fresh(now), fail) : Effect.void))
    )

  return Jwks.of({
    find: Effect.fnUntraced(function* (kid) {
      if (isDue(kid, yield* Clock.currentTimeMillis)) yield* refresh(kid)
      if (held === undefined)
        return yield* failure ?? new Unreachable({ reason: "answer", detail: "there are no keys" })
      return Option.fromUndefinedOr(held.keys.get(kid))
    })
  })
})

/** What {@link Jwks} and checking signatures stand on, on any platform with WebCrypto. */
export const layerSignature = Signature.layerWebCrypto.pipe(Layer.provide(SecureRandom.layerWebCrypto))
