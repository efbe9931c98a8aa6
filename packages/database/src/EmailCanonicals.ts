import * as Backoff from "@user-service/domain/Backoff"
import { canonicalEmail, normaliseEmail } from "@user-service/domain/Email"
import { Array, Effect, Option, Order, Schema } from "effect"
import { type SqlClient, SqlError, SqlSchema } from "effect/sql"

/** How many rows a transaction locks at most. */
const batchSize = 500

const Account = Schema.Struct({
  id: Schema.String,
  email: Schema.String,
  canonical: Schema.NullOr(Schema.String),
  /** Seconds since 1970, or null without a login. */
  lastLogin: Schema.NullOr(Schema.Finite)
})
type Account = typeof Account.Type

// Orders the accounts of a mailbox. The first gets the canonical address: the account with the latest login, or the oldest account
// if none has logged in.
const byLastLogin = Order.combine(
  Order.mapInput(Order.flip(Order.Number), ({ lastLogin }: Account) => lastLogin ?? -Infinity),
  Order.mapInput(Order.String, ({ id }: Account) => id)
)

const canonicalOf = ({ email }: Account): string => canonicalEmail(normaliseEmail(email))

const columns = `id::text, email, email_canonical as canonical, extract(epoch from last_login_at)::float8 as "lastLogin"`

const accounts = (sql: SqlClient.SqlClient) => {
  const missing = SqlSchema.findAll({
    Request: Schema.String,
    Result: Account,
    execute: (after) => sql`
      select ${sql.literal(columns)} from users where email_canonical is null and id > ${after}::uuid
      order by id limit ${batchSize} for no key update`
  })
  const holders = SqlSchema.findAll({
    Request: Schema.Array(Schema.String),
    Result: Account,
    execute: (canonicals) => sql`
      select ${sql.literal(columns)} from users where email_canonical = any(${canonicals}::text[])
      order by id for no key update`
  })
  return {
    /** The next accounts without a canonical address, in the order of their ids. */
    missing: (after: string) => Effect.catchTag(missing(after), "SchemaError", Effect.die),
    /** The accounts that have one of these canonical addresses. */
    holders: (canonicals: ReadonlyArray<string>) => Effect.catchTag(holders(canonicals), "SchemaError", Effect.die)
  }
}

interface FillOptions {
  /** Whether an account loses its canonical address to another account of the mailbox with a later login. */
  readonly displaces: boolean
}

const noId = "00000000-0000-0000-0000-000000000000"

// Processes one batch in one transaction and returns its last account.
const fillBatch = (sql: SqlClient.SqlClient, after: string, { displaces }: FillOptions) =>
  sql.withTransaction(
    Effect.gen(function* () {
      const { holders, missing } = accounts(sql)
      const batch = yield* missing(after)
      if (!Array.isReadonlyArrayNonEmpty(batch)) return Option.none<Account>()
      const groups = Object.entries(Array.groupBy(batch, canonicalOf))
      const holderOf = new Map(
        (yield* holders(groups.map(([canonical]) => canonical))).map((row) => [row.canonical, row])
      )
      const chosen = groups.flatMap(([canonical, members]) => {
        const [first] = Array.sort(members, byLastLogin)
        const holder = holderOf.get(canonical)
        if (holder === undefined) return [{ id: first.id, canonical, displaced: [] }]
        return displaces && byLastLogin(first, holder) < 0 ? [{ id: first.id, canonical, displaced: [holder.id] }] : []
      })
      const displaced = chosen.flatMap((account) => account.displaced)
      if (displaced.length > 0) {
        yield* sql`update users set email_canonical = null where id = any(${displaced}::uuid[])`
      }
      yield* sql`
        update users u set email_canonical = chosen.canonical
        from unnest(${chosen.map(({ id }) => id)}::uuid[], ${chosen.map(({ canonical }) => canonical)}::text[])
          as chosen (id, canonical)
        where u.id = chosen.id`
      return Option.some(Array.lastNonEmpty(batch))
    })
  )

const backoff = Backoff.schedule({ initial: "10 millis", cap: "5 seconds" })

// Another transaction registered or updated an account at the same time.
const isConflict = (error: unknown): boolean =>
  SqlError.isSqlError(error) && ["UniqueViolation", "DeadlockError", "SerializationError"].includes(error.reason._tag)

const fillAll = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, options: FillOptions) {
  let after = noId
  for (;;) {
    const last = yield* Effect.retry(fillBatch(sql, after, options), {
      while: isConflict,
      times: 10,
      schedule: backoff
    })
    if (Option.isNone(last)) return
    after = last.value.id
  }
})

const step = "email_canonicals"

/**
 * Sets the missing canonical e-mail addresses, one batch per transaction. If several accounts share a mailbox, only one of them
 * gets the canonical address: in the first complete run the account with the latest login, later the account that has it
 * already. May run in several processes at once and beside an older release, and may be interrupted: the next run continues.
 */
export const fill = Effect.fn("EmailCanonicals.fill")(function* (sql: SqlClient.SqlClient) {
  const done = yield* sql`select 1 from data_steps where name = ${step}`
  yield* fillAll(sql, { displaces: done.length === 0 })
  if (done.length === 0) {
    yield* sql`insert into data_steps (name, finished_at) values (${step}, now()) on conflict do nothing`
  }
})

/** Two accounts with the same mailbox. `other` can only log in with the exact spelling of its address. */
export interface SharedMailbox {
  readonly holder: { readonly id: string; readonly email: string }
  readonly other: { readonly id: string; readonly email: string }
}

/** The accounts without a canonical address because another account has it. */
export const sharedMailboxes = Effect.fn("EmailCanonicals.sharedMailboxes")(function* (sql: SqlClient.SqlClient) {
  const { holders, missing } = accounts(sql)
  const shared: Array<SharedMailbox> = []
  let after = noId
  for (;;) {
    const batch = yield* missing(after)
    const holderOf = new Map((yield* holders(batch.map(canonicalOf))).map((row) => [row.canonical, row]))
    for (const other of batch) {
      const holder = holderOf.get(canonicalOf(other))
      if (holder !== undefined) shared.push({ holder, other })
    }
    const last = Array.last(batch)
    if (Option.isNone(last)) return shared
    after = last.value.id
  }
})
