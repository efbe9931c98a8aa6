import { Clock, Context, Duration, Effect, Layer, Option, Schema, Semaphore } from "effect"
import { SecureRandom, Signature } from "effect/crypto"
import { Base64Url } from "effect/encoding"
import { FetchHttpClient, HttpClient, HttpClientError, HttpClientResponse } from "effect/http"
import { at } from "./Address.ts"
import { Unreachable } from "./Unreachable.ts"

export type VerifyingKey = Signature.PublicKey<Signature.Ed25519>

/** The shortest time between two fetches for an unknown key id, or after a fetch that failed. */
const refetchInterval = Duration.seconds(10)

/** The shortest time between two fetches as long as none has succeeded. */
const firstFetchInterval = Duration.seconds(1)

const timeout = Duration.seconds(3)

// For an answer without `max-age`.
const defaultMaxAge = Duration.minutes(5)

const KeySet = Schema.Struct({
  keys: Schema.Array(Schema.Struct({ kty: Schema.String, crv: Schema.String, kid: Schema.String, x: Schema.String }))
})

/** The public keys that the service signs access tokens with (RFC 7517). */
export class Jwks extends Context.Service<
  Jwks,
  {
    /**
     * The key with this id, if there is one. Keys are cached for the `max-age` of the answer, and longer while the service is
     * unreachable. An unknown id fetches the keys again, at most once in ten seconds, since anybody can invent ids.
     */
    readonly find: (kid: string) => Effect.Effect<Option.Option<VerifyingKey>, Unreachable>
  }
>()("@user-service/rpc-client/Jwks") {
  static readonly layer = (options: { readonly url: string }) =>
    Layer.effect(Jwks, make(at(options, "/.well-known/jwks.json"))).pipe(Layer.provide(FetchHttpClient.layer))
}

interface CachedKeys {
  readonly keys: ReadonlyMap<string, VerifyingKey>
  readonly freshUntil: number
}

const maxAge = (cacheControl: string | undefined): Duration.Duration => {
  const [, seconds] = /(?:^|[\s,])max-age=(\d{1,6})\b/i.exec(cacheControl ?? "") ?? []
  return seconds === undefined ? defaultMaxAge : Duration.seconds(Number(seconds))
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
  let cached: CachedKeys | undefined
  let fetchedAt = Number.NEGATIVE_INFINITY
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
    cached = { keys: new Map(keys), freshUntil: now + Duration.toMillis(maxAge) }
    fetchedAt = now
    failure = undefined
  })

  const fail = (error: Unreachable) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      fetchedAt = now
      failure = error
    })

  const isDue = (kid: string, now: number): boolean => {
    if (cached === undefined) return now >= fetchedAt + Duration.toMillis(firstFetchInterval)
    const isFresh = now < cached.freshUntil
    if (isFresh && cached.keys.has(kid)) return false
    return (!isFresh && failure === undefined) || now >= fetchedAt + Duration.toMillis(refetchInterval)
  }

  // One fiber fetches, and the others wait for its result.
  const refresh = (kid: string) =>
    turn.withPermit(
      Effect.flatMap(Clock.currentTimeMillis, (now) => (isDue(kid, now) ? Effect.catch(fresh(now), fail) : Effect.void))
    )

  return Jwks.of({
    find: Effect.fnUntraced(function* (kid) {
      if (isDue(kid, yield* Clock.currentTimeMillis)) yield* refresh(kid)
      if (cached === undefined)
        return yield* failure ?? new Unreachable({ reason: "answer", detail: "there are no keys" })
      return Option.fromUndefinedOr(cached.keys.get(kid))
    })
  })
})

/** Signatures on any platform with WebCrypto. */
export const layerSignature = Signature.layerWebCrypto.pipe(Layer.provide(SecureRandom.layerWebCrypto))
