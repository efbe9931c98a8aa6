import { jwksMaxAgeSeconds } from "@user-service/security/KeySet"
import { TokenSigner } from "@user-service/security/TokenSigner"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"

/** `/.well-known/jwks.json`: the public keys with which other services verify access tokens (RFC 7517). */
export const JwksHttp = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const signer = yield* TokenSigner
    yield* router.add(
      "GET",
      "/.well-known/jwks.json",
      Effect.map(signer.jwks, (keys) =>
        HttpServerResponse.jsonUnsafe(keys, {
          headers: { "cache-control": `public, max-age=${jwksMaxAgeSeconds}` }
        })
      )
    )
  })
)
