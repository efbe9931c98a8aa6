import { assert, describe, it } from "@effect/vitest"
import { Changes } from "@user-service/core/changes/Changes"
import { MailOutbox, type OutgoingMail } from "@user-service/core/mails/MailOutbox"
import { Replays } from "@user-service/core/outbox/Replays"
import { FinishedMails } from "@user-service/core/retention/FinishedMails"
import { Cache } from "@user-service/cache/Cache"
import { Storage } from "@user-service/database/Storage"
import { Email } from "@user-service/domain/Email"
import { EmailChangedMail, type Mail, PasswordResetMail } from "@user-service/domain/Mail"
import { Language } from "@user-service/domain/Profile"
import type { UserId } from "@user-service/domain/User"
import { DateTime, Effect, Layer, Logger, Redacted, Ref } from "effect"
import { SecureRandom } from "effect/crypto"
import { SqlClient } from "effect/sql"
import { newUser } from "../outbox/OutboxSuite.ts"
import * as TestSettings from "../TestSettings.ts"

/** The outbox of mails and the services around it, over a database. */
export const layerOver = <E>(database: Layer.Layer<SqlClient.SqlClient, E>) =>
  Layer.mergeAll(MailOutbox.layer, FinishedMails.layer, Replays.layer, Changes.layer).pipe(
    Layer.provideMerge([Storage.layer, Cache.layerMemory, SecureRandom.layerWebCrypto]),
    Layer.provide(TestSettings.layer()),
    Layer.provideMerge(database)
  )

const token = "a-token-that-no-log-may-have"

const recipient = (userId: UserId) => ({
  userId,
  email: Email.make(`${userId}@example.org`),
  language: Language.make("en")
})
export const noticeFor = (userId: UserId) => new EmailChangedMail(recipient(userId))
const resetFor = (userId: UserId, expiresAt: DateTime.Utc) =>
  new PasswordResetMail({ ...recipient(userId), token: Redacted.make(token), expiresAt })

/** Makes a change of the user that sends these mails. */
export const send = (user: UserId, ...mails: ReadonlyArray<Mail>) =>
  Changes.use(({ change }) => change(user, Effect.succeed({ result: undefined, events: [], audit: [], mails })))

/** Empties the outbox, since nothing of an earlier test may be due. */
const empty = SqlClient.SqlClient.use((sql) => sql`delete from mail_outbox`)

/** Relays once, publishes the mails that `isConfirmed` names, and returns all that were handed out. */
const relay = Effect.fnUntraced(function* (isConfirmed: (mail: OutgoingMail) => boolean = () => true, limit = 100) {
  const seen = yield* Ref.make<ReadonlyArray<OutgoingMail>>([])
  const outbox = yield* MailOutbox
  const turn = yield* outbox.relay(limit, (mails) =>
    Effect.as(
      Ref.set(seen, mails),
      mails.filter(isConfirmed).map(({ id }) => id)
    )
  )
  return { turn, mails: yield* Ref.get(seen) }
})

const setAll = (assignments: string) =>
  SqlClient.SqlClient.use((sql) => sql`update mail_outbox set ${sql.literal(assignments)}`)

const allRows = SqlClient.SqlClient.use(
  (sql) => sql<{ payload: unknown; attempts: number; isFinished: boolean; delay: number }>`
    select payload, attempts, finished_at is not null as "isFinished",
      extract(epoch from next_attempt_at - now())::float8 as delay
    from mail_outbox order by mail_type, id`
)

const inAnHour = Effect.map(DateTime.now, DateTime.add({ hours: 1 }))

/** The contract of the outbox of mails on any engine. Nothing else may work on the database. */
export const suite = <E>(name: string, database: Layer.Layer<SqlClient.SqlClient, E>) =>
  describe(name, () => {
    it.layer(layerOver(database), { excludeTestServices: true })((it) => {
      it.effect("a mail is handed out with its trace, and not again once it is confirmed: its content is gone", () =>
        Effect.gen(function* () {
          yield* empty
          const user = yield* newUser
          const mail = resetFor(user, yield* inAnHour)
          yield* Effect.withSpan(send(user, mail), "request")
          const { mails, turn } = yield* relay()
          assert.deepStrictEqual(turn, { taken: 1, left: 0 })
          assert.deepStrictEqual(mails[0]?.mail, mail)
          assert.match(mails[0]?.traceparent ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
          assert.deepInclude((yield* allRows)[0], { payload: null, isFinished: true, attempts: 0 })
          assert.deepStrictEqual((yield* relay()).turn, { taken: 0, left: 0 })
        })
      )

      it.effect("an unconfirmed mail is due again after a delay that doubles, and no later than it expires", () =>
        Effect.gen(function* () {
          yield* empty
          const user = yield* newUser
          yield* send(user, noticeFor(user))
          for (const [attempts, longest] of [
            [1, 1],
            [2, 2],
            [3, 4],
            [4, 8],
            [5, 16],
            [6, 30],
            [7, 30]
          ] as const) {
            assert.deepStrictEqual((yield* relay(() => false)).turn, { taken: 1, left: 1 })
            assert.deepStrictEqual((yield* relay()).turn, { taken: 0, left: 0 })
            const [row] = yield* allRows
            assert.strictEqual(row?.attempts, attempts)
            assert.isAtMost(row?.delay ?? 0, longest)
            // The delay is half of the longest at least, and the clock of the database has moved on meanwhile.
            assert.isAtLeast(row?.delay ?? 0, longest / 2 - 0.5)
            yield* setAll("next_attempt_at = now() - interval '1 second'")
          }
          yield* setAll("expires_at = now() + interval '5 seconds'")
          yield* relay(() => false)
          assert.isAtMost((yield* allRows)[0]?.delay ?? 0, 5)
        })
      )

      it.effect("however many retries are due, a new mail is among the next", () =>
        Effect.gen(function* () {
          yield* empty
          const users = yield* Effect.replicateEffect(newUser, 5)
          for (const user of users) yield* send(user, noticeFor(user))
          yield* setAll("attempts = 3, next_attempt_at = now() - interval '1 hour'")
          const user = yield* newUser
          yield* send(user, noticeFor(user))
          const { mails } = yield* relay(() => true, 1)
          assert.lengthOf(mails, 2)
          assert.include(
            mails.map(({ mail }) => mail.userId),
            user
          )
        })
      )

      it.effect("a turn that fails has finished nothing and counts no attempt", () =>
        Effect.gen(function* () {
          yield* empty
          const outbox = yield* MailOutbox
          const user = yield* newUser
          yield* send(user, noticeFor(user))
          assert.strictEqual(yield* Effect.flip(outbox.relay(10, () => Effect.fail("away"))), "away")
          assert.deepInclude((yield* allRows)[0], { attempts: 0, isFinished: false })
          assert.lengthOf((yield* relay()).mails, 1)
        })
      )

      it.effect("an expired mail is not handed out but dropped, with its delivery unless a status came for it", () =>
        Effect.gen(function* () {
          yield* empty
          const sql = yield* SqlClient.SqlClient
          const { dropExpired } = yield* MailOutbox
          const [first, second] = [yield* newUser, yield* newUser]
          const past = DateTime.subtract(yield* DateTime.now, { seconds: 1 })
          yield* send(first, resetFor(first, past))
          yield* send(second, resetFor(second, past))
          yield* sql`update deliveries set status = 'sent' where user_id = ${second}`
          assert.deepStrictEqual((yield* relay()).turn, { taken: 0, left: 0 })
          for (const dropped of [1, 1, 0]) assert.strictEqual(yield* dropExpired(1), dropped)
          for (const row of yield* allRows) assert.deepInclude(row, { payload: null, isFinished: true })
          const statusOf = (user: UserId) => sql`select status, error_code from deliveries where user_id = ${user}`
          assert.deepStrictEqual(yield* statusOf(first), [{ status: "failed", error_code: "expired" }])
          assert.deepStrictEqual(yield* statusOf(second), [{ status: "sent", error_code: null }])
        })
      )

      it.effect("a mail that cannot be read is logged without its content, and delays no other", () =>
        Effect.gen(function* () {
          yield* empty
          const lines: Array<string> = []
          const logger = Logger.map(Logger.formatJson, (line) => void lines.push(line))
          const sql = yield* SqlClient.SqlClient
          const [user, other] = [yield* newUser, yield* newUser]
          yield* send(user, resetFor(user, yield* inAnHour))
          yield* sql`update mail_outbox set payload = payload - 'email'`
          yield* send(other, noticeFor(other))
          const { mails, turn } = yield* Effect.provide(relay(), Logger.layer([logger]))
          assert.deepStrictEqual(turn, { taken: 2, left: 1 })
          assert.deepStrictEqual(
            mails.map(({ mail }) => mail.userId),
            [other]
          )
          assert.lengthOf(lines, 1)
          assert.match(lines[0] ?? "", /password_reset [0-9a-f-]{36}/)
          assert.notInclude(lines[0], token)
        })
      )

      it.effect("a replay of events brings no mail back", () =>
        Effect.gen(function* () {
          yield* empty
          const user = yield* newUser
          yield* send(user, noticeFor(user))
          yield* relay()
          yield* Replays.use(({ since }) => since(DateTime.makeUnsafe(0)))
          assert.deepStrictEqual((yield* relay()).turn, { taken: 0, left: 0 })
          assert.deepInclude((yield* allRows)[0], { payload: null, isFinished: true })
        })
      )

      it.effect("the mails of an erased user go with them", () =>
        Effect.gen(function* () {
          yield* empty
          const sql = yield* SqlClient.SqlClient
          const user = yield* newUser
          yield* send(user, noticeFor(user), resetFor(user, yield* inAnHour))
          yield* sql`delete from users where id = ${user}`
          assert.deepStrictEqual(yield* allRows, [])
        })
      )

      it.effect("the lag is how many wait, and for how long the oldest has", () =>
        Effect.gen(function* () {
          yield* empty
          const { lag } = yield* MailOutbox
          assert.deepStrictEqual(yield* lag, { waiting: 0, seconds: 0 })
          const [finished, waits] = [yield* newUser, yield* newUser]
          yield* send(finished, noticeFor(finished))
          yield* relay()
          yield* send(waits, noticeFor(waits))
          yield* setAll("created_at = created_at - interval '90 seconds'")
          const { seconds, waiting } = yield* lag
          assert.strictEqual(waiting, 1)
          assert.isTrue(seconds >= 90 && seconds < 95, String(seconds))
        })
      )

      it.effect("finished mails are deleted after a week, in batches, and waiting ones never", () =>
        Effect.gen(function* () {
          yield* empty
          const { remove } = yield* FinishedMails
          const user = yield* newUser
          yield* send(user, noticeFor(user), noticeFor(user), noticeFor(user))
          yield* relay()
          assert.strictEqual(yield* remove(2), 0)
          yield* setAll("finished_at = finished_at - interval '8 days'")
          yield* send(user, noticeFor(user))
          yield* setAll("created_at = created_at - interval '8 days'")
          for (const removed of [2, 1, 0]) assert.strictEqual(yield* remove(2), removed)
          assert.lengthOf(yield* allRows, 1)
        })
      )
    })
  })
