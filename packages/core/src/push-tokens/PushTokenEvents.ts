import { PushTokenAdded, PushTokenRemoved } from "@user-service/domain/DomainEvent"
import type { TokenRemovalReason } from "@user-service/domain/PushToken"
import type { SecretToken } from "./PushTokenRows.ts"

/** The event of a token that has become live. */
export const pushTokenAdded = ({
  id,
  platform,
  token,
  userId
}: Pick<SecretToken, "id" | "platform" | "token" | "userId">) =>
  new PushTokenAdded({ userId, tokenId: id, token, platform })

/** The events of tokens that were live and no longer are. */
export const pushTokensRemoved = (tokens: ReadonlyArray<SecretToken>, reason: TokenRemovalReason) =>
  tokens.map(
    ({ id, platform, token, userId }) => new PushTokenRemoved({ userId, tokenId: id, token, platform, reason })
  )
