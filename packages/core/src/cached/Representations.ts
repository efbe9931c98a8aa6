import type { Preferences } from "@user-service/domain/Preferences"
import type { User } from "@user-service/domain/User"
import { Context } from "effect"

/**
 * The text in which users and preferences are cached: the wire's own, so that a read over HTTP is answered with it as it
 * stands. The app that speaks the wire provides it.
 */
export class Representations extends Context.Service<
  Representations,
  {
    readonly user: (user: User) => string
    readonly preferences: (preferences: Preferences) => string
  }
>()("@user-service/core/cached/Representations") {}
