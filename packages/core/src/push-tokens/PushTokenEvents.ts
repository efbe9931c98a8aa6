import { PushTokenAdded, PushTokenRemoved } from "@user-service/domain/DomainEvent"
import type { TokenRemovalReason } from "@user-service/domain/PushToken"
import type { HeldToken } from "./PushTokenRows.ts"

/** That the token is live from now on. */
export const pushTokenAdded = ({
  id,
  platform,
  token,
  userId
}: Pick<HeldToken, "id" | "platform" | "token" | "userId">) =>
  new PushTokenAdded({ userId, tokenId: id, token, platform })

/** That those of the tokens which were live no longer are. */
export const pushTokensRemoved = (tokens: ReadonlyArray<HeldToken>, reason: TokenRemovalReason) =>
  tokens.map(
    ({ id, platform, token, userId }) => new PushTokenRemoved({ userId, tokenId: id, token, platform, reason })
  )
