import { Effect } from "effect"
import { SqlClient } from "effect/sql"

/**
 * The networks from which accounts are used, and the user agents, as keyed hashes. `address` is an IPv4 address or a /64, for
 * limits; `network` is a /24 or a /64, for notices of new devices. `noticed_at` is the last notice about a login with this user
 * agent. Replaces `login_addresses`, which this release still reads and the next one drops.
 */
export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  yield* sql`
    create table known_networks (
      user_id uuid not null references users (id) on delete cascade,
      kind text not null check (kind in ('address', 'network', 'user_agent')),
      hash bytea not null check (octet_length(hash) = 32),
      last_seen_at timestamptz not null,
      noticed_at timestamptz,
      primary key (user_id, kind, hash)
    )`
  yield* sql`create index known_networks_last_seen_at on known_networks (last_seen_at)`
})
