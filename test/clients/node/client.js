// An ordinary Azure program: a credential of @azure/identity and mysql2, nothing of midas.
// client.js query SQL signs in with a token and prints the account and the first value.
//
// With HOOK the token is not the password: a hook hands it over when the server asks for it by
// mysql_clear_password.
//
// CREDENTIAL is managed, default or workload; IDENTITY is client:ID, object:ID, resource:ID
// or empty for the one that the credential chooses.
import { DefaultAzureCredential, ManagedIdentityCredential, WorkloadIdentityCredential } from "@azure/identity";
import mysql from "mysql2/promise";

const env = process.env;
const [how, ...rest] = (env.IDENTITY ?? "").split(":");
const identity = { client: "clientId", object: "objectId", resource: "resourceId" }[how];
const credentials = {
  managed: () => new ManagedIdentityCredential(identity ? { [identity]: rest.join(":") } : {}),
  default: () => new DefaultAzureCredential(),
  workload: () => new WorkloadIdentityCredential(),
};
const credential = credentials[env.CREDENTIAL ?? "managed"]();
const { token } = await credential.getToken("https://ossrdbms-aad.database.windows.net/.default");
const secret = env.HOOK
  ? { authPlugins: { mysql_clear_password: () => () => Buffer.from(`${token}\0`) } }
  : { password: token, enableCleartextPlugin: true };
const connection = await mysql.createConnection({
  host: env.MYSQL_HOST,
  port: Number(env.MYSQL_TCP_PORT),
  user: env.MYSQL_USER,
  database: env.MYSQL_DATABASE,
  ssl: { rejectUnauthorized: true },
  ...secret,
});
const [[user]] = await connection.query({ sql: "SELECT CURRENT_USER()", rowsAsArray: true });
const [[answer]] = await connection.query({ sql: process.argv[3], rowsAsArray: true });
console.log(`${user[0]}\t${answer[0]}`);
await connection.end();
