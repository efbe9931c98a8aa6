import { Context, type Effect, type Scope } from "effect"

/** The notifications (NOTIFY) of the embedded database. */
export class EmbeddedNotices extends Context.Service<
  EmbeddedNotices,
  {
    /** Calls `onNotice` for every NOTIFY on the channel until the scope closes. Requires a LISTEN on the channel. */
    readonly subscribe: (channel: string, onNotice: () => void) => Effect.Effect<void, never, Scope.Scope>
  }
>()("@user-service/database/EmbeddedNotices") {}
