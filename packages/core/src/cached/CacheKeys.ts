import type { SessionId } from "@user-service/domain/Session"
import type { UserId } from "@user-service/domain/User"

/** The cache keys of a user's data. The braces keep one user's keys on one node of a Redis Cluster. */
export const userKey = (id: UserId): string => `user:{${id}}`

export const preferencesKey = (id: UserId): string => `preferences:{${id}}`

export const sessionKey = (userId: UserId, id: SessionId): string => `session:{${userId}}:${id}`

/** The not-before time of all sessions. */
export const notBeforeKey = "sessions:not-before"
