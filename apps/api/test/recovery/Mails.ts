import { PasswordResetMails } from "@user-service/core/recovery/PasswordResetMails"
import { SessionSettings } from "@user-service/core/SessionSettings"
import { Cache } from "@user-service/cache/Cache"
import { Storage } from "@user-service/database/Storage"
import type { Mail } from "@user-service/domain/Mail"
import { Clock, Effect, Layer } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { TestApi } from "../TestApi.ts"

/** A mail that waits to be sent. */
export interface SentMail {
  readonly type: Mail["_tag"]
  readonly email: string
  readonly token: string | null
}

/** Does what the worker does with requests for password resets. */
export const handleResetRequests = Effect.gen(function* () {
  const { clock, settings, sql } = yield* TestApi
  return yield* PasswordResetMails.use(({ send }) => send(1000)).pipe(
    Effect.provide(
      PasswordResetMails.layer.pipe(
        Layer.provide([Storage.layer, Cache.layerMemory, Digest.layerWebCrypto, SecureRandom.layerWebCrypto]),
        Layer.provide(Layer.succeed(SessionSettings, settings.sessions))
      )
    ),
    Effect.provideService(SqlClient.SqlClient, sql),
    Effect.provideService(Clock.Clock, clock),
    Effect.orDie
  )
})

/** The mails to the user, the oldest first. */
export const mailsOf = Effect.fnUntraced(function* (userId: string) {
  const { sql } = yield* TestApi
  return yield* Effect.orDie(sql<SentMail>`
    select mail_type as type, payload->>'email' as email, payload->>'token' as token
    from mail_outbox where user_id = ${userId} order by created_at, mail_type`)
})

/** The token of the newest mail of this type to the user. */
export const tokenOf = Effect.fnUntraced(function* (userId: string, type: Mail["_tag"]) {
  const mails = yield* mailsOf(userId)
  const token = mails.findLast((mail) => mail.type === type)?.token
  return token ?? (yield* Effect.die(`No ${type} with a token was sent`))
})

/** Requests a password reset for the address, and returns the token that was sent to the user. */
export const resetToken = Effect.fnUntraced(function* ({ email, id }: { readonly email: string; readonly id: string }) {
  const { send } = yield* TestApi
  const { status } = yield* send("POST", "/api/v1/users/password-reset/", { body: { email } })
  if (status !== 202) return yield* Effect.die(`The request answered ${status}`)
  yield* handleResetRequests
  return yield* tokenOf(id, "PasswordResetMail")
})

/** The types of the user's events that the latest change wrote. */
export const eventsSince = Effect.fnUntraced(function* (userId: string, offset: number) {
  const { sql } = yield* TestApi
  const rows = yield* Effect.orDie(sql<{ readonly type: string; readonly reason: string | null }>`
    select event_type as type, payload->>'reason' as reason from outbox
    where user_id = ${userId} order by position offset ${offset}`)
  return rows.map(({ reason, type }) => (reason === null ? type : `${type} ${reason}`))
})
