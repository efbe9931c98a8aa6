import { TokenSigner } from "@user-service/security/TokenSigner"
import { Context, DateTime, Duration, Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { SessionSettings } from "../SessionSettings.ts"
import type { TokenState } from "./SessionsRepo.ts"

/** A session's two tokens, with the seconds each still lives. */
export interface Tokens {
  readonly access: string
  readonly refresh: string
  readonly accessExpiresIn: number
  readonly refreshExpiresIn: number
}

const seconds = (time: DateTime.Utc): number => Math.floor(DateTime.toEpochMillis(time) / 1000)

/** Writes a session's tokens. The refresh token follows from the session's row alone: the same row, the same token. */
export class SessionTokens extends Context.Service<
  SessionTokens,
  { readonly issue: (session: TokenState) => Effect.Effect<Tokens> }
>()("@user-service/core/sessions/SessionTokens") {
  static readonly layer = Layer.effect(
    SessionTokens,
    Effect.gen(function* () {
      const signer = yield* TokenSigner
      const random = yield* SecureRandom.SecureRandom
      const lifetime = Duration.toSeconds((yield* SessionSettings).accessLifetime)

      const issue = Effect.fn("SessionTokens.issue")(function* (session: TokenState) {
        const now = seconds(yield* DateTime.now)
        const sessionEnd = seconds(session.expiresAt)
        const accessEnd = Math.min(now + lifetime, sessionEnd)
        const of = { userId: session.userId, sessionId: session.id }
        const access = yield* signer.sign({
          ...of,
          tokenType: "access",
          tokenId: yield* random.uuidV4(),
          issuedAt: now,
          expiresAt: accessEnd
        })
        const refresh = yield* signer.sign({
          ...of,
          tokenType: "refresh",
          tokenId: signer.refreshTokenId(session.id, session.generation),
          issuedAt: seconds(session.refreshedAt),
          expiresAt: sessionEnd,
          generation: session.generation
        })
        return { access, refresh, accessExpiresIn: accessEnd - now, refreshExpiresIn: sessionEnd - now }
      })

      return { issue }
    })
  )
}
