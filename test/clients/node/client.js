// An ordinary Azure program: @azure/identity's managed identity credential and
// mysql2, nothing of midas. The test suite runs it in the environment that
// `midas env --vm` prints, to show that unmodified programs work.
import { ManagedIdentityCredential } from "@azure/identity";
import mysql from "mysql2/promise";

const env = process.env;
const credential = new ManagedIdentityCredential({ clientId: env.AZURE_CLIENT_ID });
const { token } = await credential.getToken("https://ossrdbms-aad.database.windows.net/.default");
const connection = await mysql.createConnection({
  host: env.MYSQL_HOST,
  port: Number(env.MYSQL_TCP_PORT),
  user: env.MYSQL_USER,
  database: env.MYSQL_DATABASE,
  password: token,
  ssl: { rejectUnauthorized: true },
  enableCleartextPlugin: true,
});
const [[user]] = await connection.query({ sql: "SELECT CURRENT_USER()", rowsAsArray: true });
const [[answer]] = await connection.query({ sql: process.argv[2], rowsAsArray: true });
console.log(`${user[0]}\t${answer[0]}`);
await connection.end();
