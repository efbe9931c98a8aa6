import type { Email, EmailTaken } from "@user-service/domain/Email"
import { PasswordResetMail } from "@user-service/domain/Mail"
import type { ServiceUnavailable } from "@user-service/domain/ServiceUnavailable"
import {
  type PhoneNumber,
  type UserId,
  UsernameNotAllowed,
  type Username,
  usernameProblem,
  type UsernameTaken
} from "@user-service/domain/User"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { SecureRandom } from "effect/crypto"
import { Hex } from "effect/encoding"
import { NewUsers } from "../accounts/NewUsers.ts"
import { Passwords } from "../accounts/Passwords.ts"
import { Changes } from "../changes/Changes.ts"
import { OneTimeTokens } from "../one-time-tokens/OneTimeTokens.ts"
import { OneTimeTokensRepo } from "../one-time-tokens/OneTimeTokensRepo.ts"

/** A user whom staff create. */
export interface Invitation {
  readonly email: Email
  readonly username: Option.Option<Username>
  readonly firstName: string
  readonly lastName: string
  readonly phoneNumber: PhoneNumber | null
}

/** Creates users for staff. Nobody types a password for somebody else: the user sets one by a token that is sent by mail. */
export class Invitations extends Context.Service<
  Invitations,
  {
    /** Creates the user and sends the mail, in one transaction. */
    readonly invite: (
      invitation: Invitation
    ) => Effect.Effect<UserId, EmailTaken | UsernameTaken | UsernameNotAllowed | ServiceUnavailable>
  }
>()("@user-service/core/staff/Invitations") {
  static readonly layerNoDeps = Layer.effect(
    Invitations,
    Effect.gen(function* () {
      const newUsers = yield* NewUsers
      const passwords = yield* Passwords
      const changes = yield* Changes
      const oneTimeTokens = yield* OneTimeTokens
      const tokens = yield* OneTimeTokensRepo
      const random = yield* SecureRandom.SecureRandom

      // A password that nobody knows.
      const unknownPassword = Effect.map(random.randomBytes(32), (bytes) => Redacted.make(Hex.encode(bytes)))

      const resetMail = Effect.fnUntraced(function* (userId: UserId) {
        const { token, ...stored } = yield* oneTimeTokens.generate
        const recipient = yield* tokens.insertPasswordReset({ userId, ...stored })
        return Option.toArray(recipient).map(
          ({ email, language }) =>
            new PasswordResetMail({ userId, email, language, token, expiresAt: stored.expiresAt })
        )
      })

      const invite = Effect.fn("Invitations.invite")(function* (invitation: Invitation) {
        const problem = Option.map(invitation.username, (name) => usernameProblem(name, invitation.email))
        if (Option.isSome(problem) && problem.value !== undefined) {
          return yield* new UsernameNotAllowed({ problem: problem.value })
        }
        const password = yield* unknownPassword
        const passwordHash = yield* passwords.withPlace(passwords.hash(password))
        return yield* changes.changeByAct(
          "invite",
          Effect.gen(function* () {
            const user = { ...invitation, password, emailEnabled: true, pushEnabled: true }
            const event = yield* newUsers.insert(user, passwordHash, false)
            const { userId } = event
            const after = { email: invitation.email, username: event.username }
            return {
              result: userId,
              events: [event],
              audit: [{ userId, action: "user.invited", details: { before: null, after } }],
              mails: yield* resetMail(userId)
            }
          })
        )
      })

      return { invite }
    })
  )

  static readonly layer = this.layerNoDeps.pipe(
    Layer.provide([NewUsers.layer, Passwords.layer, Changes.layer, OneTimeTokens.layer, OneTimeTokensRepo.layer])
  )
}
