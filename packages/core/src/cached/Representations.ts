import type { Preferences } from "@user-service/domain/Preferences"
import type { User } from "@user-service/domain/User"
import { Context } from "effect"

/**
 * Encodes users and preferences as the text that is cached. It is the text of the HTTP response, so that a cached read
 * needs no encoding. The app provides it, because `core` does not know the HTTP encoding.
 */
export class Representations extends Context.Service<
  Representations,
  {
    readonly user: (user: User) => string
    readonly preferences: (preferences: Preferences) => string
  }
>()("@user-service/core/cached/Representations") {}
