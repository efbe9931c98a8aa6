import { Context, type Effect, type Scope } from "effect"

/** What NOTIFY tells within the embedded database, which no other process uses. */
export class EmbeddedNotices extends Context.Service<
  EmbeddedNotices,
  {
    /** Calls back at every NOTIFY on the channel, once LISTEN was run, as long as the scope. */
    readonly subscribe: (channel: string, onNotice: () => void) => Effect.Effect<void, never, Scope.Scope>
  }
>()("@user-service/database/EmbeddedNotices") {}
