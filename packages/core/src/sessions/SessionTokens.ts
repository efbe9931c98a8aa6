import { TokenSigner } from "@user-service/security/TokenSigner"
import { Context, DateTime, Duration, Effect, Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { SessionSettings } from "../SessionSettings.ts"
import type { TokenState } from "./SessionsRepo.ts"

/** The two tokens of a session, with the seconds until each expires. */
export interface Tokens {
  readonly access: string
  readonly refresh: string
  readonly accessExpiresIn: number
  readonly refreshExpiresIn: number
}

const seconds = (time: DateTime.Utc): number => Math.floor(DateTime.toEpochMillis(time) / 1000)

const subjectOf = ({ id, userId }: TokenState) => ({ userId, sessionId: id })

/** Issues the tokens of a session. The refresh token depends only on the session's row: the same row gives the same token. */
export class SessionTokens extends Context.Service<
  SessionTokens,
  {
    readonly issue: (session: TokenState) => Effect.Effect<Tokens>
    /** Issues the token of a session of the console, which has no refresh token. It lives as long as the session. */
    readonly issueForConsole: (session: TokenState) => Effect.Effect<string>
  }
>()("@user-service/core/sessions/SessionTokens") {
  static readonly layer = Layer.effect(
    SessionTokens,
    Effect.gen(function* () {
      const signer = yield* TokenSigner
      const random = yield* SecureRandom.SecureRandom
      const lifetime = Duration.toSeconds((yield* SessionSettings).accessLifetime)

      const sign = Effect.fnUntraced(function* (
        tokenType: "access" | "console",
        session: TokenState,
        times: { readonly issuedAt: number; readonly expiresAt: number }
      ) {
        const tokenId = yield* random.uuidV4()
        return yield* signer.sign({ ...subjectOf(session), ...times, tokenType, tokenId })
      })

      const issue = Effect.fn("SessionTokens.issue")(function* (session: TokenState) {
        const now = seconds(yield* DateTime.now)
        const sessionEnd = seconds(session.expiresAt)
        const accessEnd = Math.min(now + lifetime, sessionEnd)
        const access = yield* sign("access", session, { issuedAt: now, expiresAt: accessEnd })
        const refresh = yield* signer.sign({
          ...subjectOf(session),
          tokenType: "refresh",
          tokenId: signer.refreshTokenId(session.id, session.generation),
          issuedAt: seconds(session.refreshedAt),
          expiresAt: sessionEnd,
          generation: session.generation
        })
        return { access, refresh, accessExpiresIn: accessEnd - now, refreshExpiresIn: sessionEnd - now }
      })

      const issueForConsole = Effect.fn("SessionTokens.issueForConsole")(function* (session: TokenState) {
        const issuedAt = seconds(yield* DateTime.now)
        return yield* sign("console", session, { issuedAt, expiresAt: seconds(session.expiresAt) })
      })

      return { issue, issueForConsole }
    })
  )
}
