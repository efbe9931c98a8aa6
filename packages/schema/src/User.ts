import { fullName, type ProfilePatch } from "@user-service/domain/Profile"
import type { User } from "@user-service/domain/User"
import { Schema } from "effect"
import { Count } from "./Count.ts"
import { Id } from "./Id.ts"
import { EmailBody } from "./Input.ts"
import { PreferencesBody, preferencesBody, preferencesExample } from "./Preferences.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"
import type { OnWire } from "./WireNames.ts"

const profileExample = {
  id: "0193a5c2-7b1b-7d3e-8c05-41a7f2b6e9d8",
  first_name: "Ada",
  last_name: "Lovelace",
  full_name: "Ada Lovelace",
  avatar_url: "https://images.example.com/ada.png",
  timezone: "Europe/London",
  language: "en-GB",
  bio: "Poetical science.",
  created_at: "2026-11-23T08:15:00.000Z",
  updated_at: "2026-11-24T10:02:00.000Z"
}

/** The example of a user in the documents. */
export const userExample = {
  id: "0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f42",
  email: "ada@example.com",
  username: "ada",
  phone_number: "+44 20 7946 0000",
  is_verified: true,
  is_active: true,
  created_at: "2026-11-23T08:15:00.000Z",
  updated_at: "2026-11-24T10:02:00.000Z",
  last_login: "2026-11-24T10:02:00.000Z",
  profile: profileExample,
  notification_preferences: preferencesExample,
  push_tokens_count: 1
}

export const ProfileBody = Schema.Struct({
  id: Id,
  first_name: Schema.String,
  last_name: Schema.String,
  full_name: Schema.String.annotateKey({
    description: "First and last name, or the username if both are empty."
  }),
  avatar_url: Schema.NullOr(Schema.String.annotate({ format: "uri" })),
  timezone: Schema.String.annotateKey({ description: "A name of the IANA time zone database." }),
  language: Schema.String.annotateKey({ description: "A language tag (BCP 47)." }),
  bio: Schema.String,
  created_at: Timestamp,
  updated_at: Timestamp
} satisfies Record<keyof OnWire<ProfilePatch>, Schema.Top> & Record<string, Schema.Top>).annotate({
  identifier: "Profile",
  description: "The profile of a user.",
  examples: [profileExample]
})

export const UserBody = Schema.Struct({
  id: Id,
  email: EmailBody,
  username: Schema.String,
  phone_number: Schema.NullOr(Schema.String),
  is_verified: Schema.Boolean,
  is_active: Schema.Boolean,
  created_at: Timestamp,
  updated_at: Timestamp,
  last_login: Schema.NullOr(Timestamp),
  profile: ProfileBody,
  notification_preferences: PreferencesBody,
  push_tokens_count: Count.annotateKey({ description: "The number of active push tokens." })
}).annotate({
  identifier: "User",
  description: "A user's account, profile and notification preferences.",
  examples: [userExample]
})

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
