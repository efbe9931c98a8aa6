import { UserSearch } from "@user-service/core/user-search/UserSearch"
import { foundUserBody } from "@user-service/schema/FoundUser"
import { defaultLimit } from "@user-service/schema/http/Paging"
import { UserServiceApi } from "@user-service/schema/http/UserServiceApi"
import { Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { narrowContext } from "../endpoints/GroupContext.ts"

/** {@link UserSearchApi} on the search of users. */
export const UserSearchHttp = HttpApiBuilder.group(
  UserServiceApi,
  "admin-search",
  Effect.fn(function* (handlers) {
    const { search } = yield* UserSearch
    return handlers.handle("search", ({ payload }) =>
      Effect.map(search({ sort: "-created_at", limit: defaultLimit, ...payload }), ({ items, nextCursor }) => ({
        items: items.map(foundUserBody),
        nextCursor
      }))
    )
  })
).pipe(narrowContext(UserSearch), Layer.provide(UserSearch.layer))
