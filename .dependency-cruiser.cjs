/**
 * The import rules. All are errors and there is no baseline of exceptions; test/house proves that each one still fires.
 * `npm run check` also asserts that the cruise saw modules at all: with an unsupported TypeScript it sees none and is content.
 */

const testFile = '\\.test\\.ts$'
const apiTypes = '^services/api/api-(?:verdict-)?types\\.ts$'

/** A package is importable in its own platform folder and in test/. */
const restrictedTo = (name, packagePattern, folders, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { pathNot: [...folders.map((folder) => `^services/platform/${folder}/`), '^test/'] },
  to: { path: `(^|(^|/)node_modules/)${packagePattern}(/|$)` },
})

module.exports = {
  forbidden: [
    {
      name: 'domain-is-pure',
      comment:
        'domain/ decides and does nothing else: it imports itself and the packages that ADRs 0002 and 0006 name. Anything more and a decision could not be replayed.',
      severity: 'error',
      from: { path: '^services/domain/', pathNot: testFile },
      to: {
        pathNot: [
          '^services/domain/',
          '(^|/)node_modules/@noble/hashes/',
          '(^|/)node_modules/murmurhash/',
          '(^|/)node_modules/re2js/',
        ],
      },
    },
    {
      name: 'domain-tests-stay-in-domain',
      comment: 'Tests of domain/ run without any service or server; that is why they take seconds.',
      severity: 'error',
      from: { path: `^services/domain/.*${testFile}` },
      to: { path: '^(services|scripts|infra|test)/', pathNot: '^services/domain/' },
    },
    {
      name: 'platform-knows-no-business',
      comment:
        'platform/ is plumbing around one outside thing per folder: npm packages, domain/time and domain/outcome, no business word.',
      severity: 'error',
      from: { path: '^services/platform/' },
      to: {
        path: '^(services|scripts|infra|test)/',
        pathNot: ['^services/platform/', '^services/domain/(time|outcome)/'],
      },
    },
    {
      name: 'services-meet-in-topics',
      comment:
        'A service never imports another: they meet in topics, tables and HTTP. standalone starts them all in one process.',
      severity: 'error',
      from: { path: '^services/([^/]+)/', pathNot: '^services/(standalone|domain|platform)/' },
      to: { path: '^services/[^/]+/', pathNot: ['^services/($1|domain|platform)/', apiTypes] },
    },
    {
      name: 'api-types-are-types',
      comment:
        'The types of schemas/openapi.yaml are what clients of the API share with it: cli, console, scripts and tests may name them, and nothing of the API can run there.',
      severity: 'error',
      from: { pathNot: '^services/api/' },
      to: { path: apiTypes, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'api-types-are-for-clients',
      comment: 'Other services meet the API in topics: its types are none of their business.',
      severity: 'error',
      from: { pathNot: ['^services/(api|cli|console)/', '^(scripts|test)/'] },
      to: { path: apiTypes },
    },
    {
      name: 'flow-imports-nothing',
      comment: 'flow.ts is data that everything reads, scripts included; an import there would reach everywhere.',
      severity: 'error',
      from: { path: '^services/flow\\.ts$' },
      to: { path: '.+' },
    },
    {
      name: 'services-know-no-infra',
      comment: 'Services get addresses from configuration. How servers were started is nothing they may depend on.',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '^infra/' },
    },
    {
      name: 'composition-roots-are-not-imported',
      comment: 'A main.ts is a process. What standalone starts is the exported start function beside it.',
      severity: 'error',
      from: {},
      to: { path: '^services/[^/]+/main\\.ts$' },
    },
    {
      name: 'nobody-imports-test',
      comment: 'Production code that leans on test code ships it.',
      severity: 'error',
      from: { pathNot: ['^test/', '^vitest\\.config\\.ts$'] },
      to: { path: '^test/' },
    },
    {
      name: 'nobody-imports-scripts',
      comment:
        'Scripts are entry points for people; what they have in common with services lives in domain or platform.',
      severity: 'error',
      from: { pathNot: ['^scripts/', '^test/'] },
      to: { path: '^scripts/' },
    },
    {
      name: 'scripts-and-infra-start-services-as-processes',
      comment:
        'scripts/ and infra/ import platform, domain, flow.ts and infra; a service is started as a process, never imported.',
      severity: 'error',
      from: { path: '^(scripts|infra)/' },
      to: { path: '^services/[^/]+/', pathNot: ['^services/(domain|platform)/', apiTypes] },
    },
    {
      name: 'people-talk-http',
      comment:
        'cli/ and console/ know the API over HTTP only. They may read configuration and documents through platform; a broker or store client there would be a second way in.',
      severity: 'error',
      from: { path: '^services/(cli|console)/', pathNot: testFile },
      to: { path: '^services/(flow\\.ts|platform/(?!config/|documents/|http/))' },
    },
    {
      name: 'no-cycles',
      comment: 'Cycles hide which part may change alone. Type-only ones count: they make two files one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    restrictedTo(
      'kafkajs-in-its-folder',
      'kafkajs',
      ['kafka'],
      'All that bites in kafkajs is answered once, in platform/kafka.',
    ),
    restrictedTo(
      'registry-client-in-its-folder',
      '@kafkajs/confluent-schema-registry',
      ['registry'],
      'Schema ids and caching are answered once, in platform/registry.',
    ),
    restrictedTo(
      'clickhouse-in-its-folder',
      '@clickhouse/client',
      ['clickhouse'],
      'Deduplication tokens and limits live in platform/clickhouse.',
    ),
    restrictedTo(
      'bullmq-in-its-folder',
      'bullmq',
      ['jobs'],
      'Retry and retention of jobs are answered once, in platform/jobs.',
    ),
    restrictedTo(
      'ioredis-in-its-folder',
      'ioredis',
      ['redis', 'jobs'],
      'Reconnection and limits are answered once, in platform/redis.',
    ),
    {
      name: 'no-unresolvable',
      comment: 'An import that resolves to nothing escapes every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-unlisted-package',
      comment: 'A package that package.json does not list is there by accident and leaves by accident.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-dev-package-in-production',
      comment: 'Images are installed without devDependencies.',
      severity: 'error',
      from: { path: '^services/', pathNot: testFile },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: ['^test/house/known-bad/', '^dist/', '^\\.cache/', '^\\.penstock/'] },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
