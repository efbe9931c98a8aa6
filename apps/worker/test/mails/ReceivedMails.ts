import { Broker } from "@user-service/broker/Broker"
import { type Topology, userMail, userService } from "@user-service/broker/Topology"
import { Changes } from "@user-service/core/changes/Changes"
import { Email } from "@user-service/domain/Email"
import { type Mail, EmailChangedMail, PasswordResetMail } from "@user-service/domain/Mail"
import { Language } from "@user-service/domain/Profile"
import type { UserId } from "@user-service/domain/User"
import { type DateTime, Effect, Redacted, Stream } from "effect"
import { SqlClient } from "effect/sql"

/** A queue that receives mails. */
export const mailQueue = "all-mails"

/** The topology of the service, and {@link mailQueue} bound with these keys. */
export const topologyWith = (...keys: ReadonlyArray<string>): Topology => ({
  exchanges: userService.exchanges,
  queues: [
    ...userService.queues,
    {
      name: mailQueue,
      bindings: keys.map((pattern) => ({ exchange: userMail.name, pattern })),
      deliveryLimit: 20
    }
  ]
})

export interface ReceivedMail {
  readonly id: string
  readonly routingKey: string
  readonly body: { readonly [field: string]: unknown }
}

/** Collects the mails of the queue from now on. */
export const listenForMails = Effect.gen(function* () {
  const broker = yield* Broker
  const received: Array<ReceivedMail> = []
  yield* broker.consume(mailQueue, { prefetch: 500 }).pipe(
    Stream.runForEach(({ ackThrough, message }) => {
      received.push({
        id: message.messageId ?? "",
        routingKey: message.routingKey,
        body: JSON.parse(new TextDecoder().decode(message.body))
      })
      return ackThrough
    }),
    Effect.forkScoped
  )
  return received
})

const recipient = (userId: UserId) => ({
  userId,
  email: Email.make(`${userId}@example.org`),
  language: Language.make("en")
})

/** A mail without a token. */
export const noticeFor = (userId: UserId) => new EmailChangedMail(recipient(userId))

/** A mail with this token, which expires at the given time. */
export const resetFor = (userId: UserId, token: string, expiresAt: DateTime.Utc) =>
  new PasswordResetMail({ ...recipient(userId), token: Redacted.make(token), expiresAt })

/** Makes a change of the user that sends these mails. */
export const send = (user: UserId, ...mails: ReadonlyArray<Mail>) =>
  Changes.use(({ change }) => change(user, Effect.succeed({ result: undefined, events: [], audit: [], mails })))

interface MailRow {
  readonly id: string
  readonly mailType: string
  readonly payload: unknown
  readonly attempts: number
  readonly finished: boolean
}

/** The rows of the outbox of mails, by type and creation. */
export const mailRows = SqlClient.SqlClient.use(
  (sql) => sql<MailRow>`
    select id, mail_type as "mailType", payload, attempts, finished_at is not null as finished
    from mail_outbox order by mail_type, id`
)

/** The number of mails that wait. */
export const waitingMails = Effect.map(mailRows, (rows) => rows.filter(({ finished }) => !finished).length)
