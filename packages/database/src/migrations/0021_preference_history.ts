import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The changes of each user's notification preferences, with one row per version that changed a setting. The rows are the proof of
 * consent and of its withdrawal, so they are kept until the user is erased. `actor_id` has no foreign key: the entry outlives
 * the account of an administrator.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create table preference_history (
      user_id uuid not null references users (id) on delete cascade,
      version bigint not null,
      source text not null check (source in ('user', 'unsubscribe', 'admin', 'complaint', 'import')),
      actor_id uuid,
      changes jsonb not null check (jsonb_typeof(changes) = 'object'),
      created_at timestamptz not null,
      primary key (user_id, version)
    )`
})
