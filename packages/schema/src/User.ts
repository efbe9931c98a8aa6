import { fullName } from "@user-service/domain/Profile"
import type { User } from "@user-service/domain/User"
import { Schema } from "effect"
import { PreferencesBody, preferencesBody } from "./Preferences.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"

export const ProfileBody = Schema.Struct({
  id: Schema.String,
  first_name: Schema.String,
  last_name: Schema.String,
  /** First and last name, or the username where both are empty. */
  full_name: Schema.String,
  avatar_url: Schema.NullOr(Schema.String),
  timezone: Schema.String,
  language: Schema.String,
  bio: Schema.String,
  created_at: Timestamp,
  updated_at: Timestamp
}).annotate({ identifier: "Profile" })

/** A user as they see themselves. */
export const UserBody = Schema.Struct({
  id: Schema.String,
  email: Schema.String,
  username: Schema.String,
  phone_number: Schema.NullOr(Schema.String),
  is_verified: Schema.Boolean,
  is_active: Schema.Boolean,
  created_at: Timestamp,
  updated_at: Timestamp,
  last_login: Schema.NullOr(Timestamp),
  profile: ProfileBody,
  notification_preferences: PreferencesBody,
  push_tokens_count: Schema.Int
}).annotate({ identifier: "User" })

/** A user in wire form. */
export const userBody = ({ preferences, profile, ...user }: User): typeof UserBody.Type => ({
  id: user.id,
  email: user.email,
  username: user.username,
  phone_number: user.phoneNumber,
  is_verified: user.isVerified,
  is_active: user.isActive,
  created_at: timestamp(user.createdAt),
  updated_at: timestamp(user.updatedAt),
  last_login: user.lastLoginAt === null ? null : timestamp(user.lastLoginAt),
  profile: {
    id: profile.id,
    first_name: profile.firstName,
    last_name: profile.lastName,
    full_name: fullName(profile, user.username),
    avatar_url: profile.avatarUrl,
    timezone: profile.timezone,
    language: profile.language,
    bio: profile.bio,
    created_at: timestamp(profile.createdAt),
    updated_at: timestamp(profile.updatedAt)
  },
  notification_preferences: preferencesBody(preferences),
  push_tokens_count: user.pushTokensCount
})
