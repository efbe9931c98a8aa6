import { Schema } from "effect"

/**
 * Schemas of columns. Values were validated before they were stored, so reading them only adds the type: no pattern is
 * matched and no time zone is looked up again for each row.
 */
export const time = Schema.DateTimeUtcFromDate

export const userId = Schema.String.pipe(Schema.brand("UserId"))
export const sessionId = Schema.String.pipe(Schema.brand("SessionId"))
export const pushTokenId = Schema.String.pipe(Schema.brand("PushTokenId"))
export const email = Schema.String.pipe(Schema.brand("Email"))
export const username = Schema.String.pipe(Schema.brand("Username"))
export const phoneNumber = Schema.String.pipe(Schema.brand("PhoneNumber"))
export const avatarUrl = Schema.String.pipe(Schema.brand("AvatarUrl"))
export const timeZone = Schema.String.pipe(Schema.brand("TimeZone"))
export const language = Schema.String.pipe(Schema.brand("Language"))
export const localTime = Schema.String.pipe(Schema.brand("LocalTime"))
export const deviceToken = Schema.String.pipe(Schema.brand("DeviceToken"))
