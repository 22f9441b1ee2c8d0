import type { Class, ClassElement, Function as FunctionNode, ParamPattern, VariableDeclaration } from 'oxc-parser';
import { declaredNames, importOf, isForeign, type Origin } from './exports.ts';
import { docComment, type SourceFile, sourceFile } from './source-file.ts';

export interface Declaration {
  doc: string | undefined;
  /** As the compiler would put it into a declaration file: no bodies, no initial values, nothing private. */
  code: string;
  isType: boolean;
}

/** What a module declares under a name; overloads are one declaration. */
export function declarationOf({ path, name }: Origin): Declaration {
  if (isForeign({ path, name }))
    return { doc: undefined, code: `export type { ${name} } from '${path}';`, isType: true };
  const file = sourceFile(path);
  const parts: string[] = [];
  let doc: string | undefined;
  let isType = true;
  for (const statement of file.statements) {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    if (!isDeclaration(declaration) || !declaredNames(declaration).includes(name)) continue;
    doc ??= docComment(file, statement.start);
    isType &&= declaration.type === 'TSInterfaceDeclaration' || declaration.type === 'TSTypeAliasDeclaration';
    // The implementation of an overloaded function is not part of its signature.
    if (declaration.type === 'FunctionDeclaration' && parts.length > 0) continue;
    parts.push(codeOf(file, declaration));
  }
  if (parts.length === 0) throw new Error(`${path} does not declare ${name}`);
  return { doc, code: parts.join('\n'), isType };
}

/** The types of the package that a declaration names, itself excepted, and the names that it has for them. */
export function referencesOf(origin: Origin): { as: string; origin: Origin }[] {
  if (isForeign(origin)) return [];
  const code = declarationOf(origin).code.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'|typeof \w+/g, '');
  const names = new Set(code.match(/\b[A-Z]\w+/g));
  names.delete(origin.name);
  return [...names].flatMap((name) => {
    const found =
      importOf(origin.path, name) ?? (declaresType(origin.path, name) ? { path: origin.path, name } : undefined);
    return found === undefined ? [] : [{ as: name, origin: found }];
  });
}

function declaresType(path: string, name: string): boolean {
  return sourceFile(path).statements.some((statement) => {
    const declaration = statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    if (!isDeclaration(declaration) || declaration.type === 'VariableDeclaration') return false;
    return declaredNames(declaration).includes(name);
  });
}

type Declared = NonNullable<Parameters<typeof declaredNames>[0]>;

const DECLARATIONS = new Set([
  'FunctionDeclaration',
  'TSDeclareFunction',
  'ClassDeclaration',
  'VariableDeclaration',
  'TSInterfaceDeclaration',
  'TSTypeAliasDeclaration',
]);

const isDeclaration = (node: { type: string } | null): node is Declared => node !== null && DECLARATIONS.has(node.type);

function codeOf(file: SourceFile, node: Declared): string {
  switch (node.type) {
    case 'FunctionDeclaration':
    case 'TSDeclareFunction':
      return `function ${node.id?.name ?? ''}${signature(file, node)}`;
    case 'ClassDeclaration':
      return classCode(file, node as Class);
    case 'VariableDeclaration':
      return constCode(file, node);
    default:
      return file.text.slice(node.start, node.end);
  }
}

/** From the type parameters to the type of the result. */
function signature(file: SourceFile, node: FunctionNode, where = node.id?.name): string {
  const typeParameters = slice(file, node.typeParameters);
  const parameters = node.params.map((parameter) => parameterCode(file, parameter)).join(', ');
  const isConstructor = where === 'constructor';
  if (!node.returnType && !isConstructor)
    throw new Error(`${file.path}: ${where} needs the type of its result written out`);
  const line = `${typeParameters}(${parameters})${slice(file, node.returnType)};`;
  if (line.length + (where?.length ?? 0) < 110 && !line.includes('\n')) return line;
  const listed = node.params
    .map((parameter) => `\n  ${parameterCode(file, parameter).replaceAll('\n', '\n  ')},`)
    .join('');
  return `${typeParameters}(${listed}\n)${slice(file, node.returnType)};`;
}

function parameterCode(file: SourceFile, node: ParamPattern): string {
  if (node.type === 'AssignmentPattern') {
    // A pattern says nothing to a caller; its type does.
    if (node.left.type === 'ObjectPattern') return `options?${slice(file, node.left.typeAnnotation)}`;
    const name = slice(file, node.left);
    if (node.right.type === 'Literal' && node.left.typeAnnotation === null)
      return `${name}?: ${typeof node.right.value}`;
    return name.replace(/^(\w+)/, '$1?');
  }
  if (node.type === 'TSParameterProperty') return parameterCode(file, node.parameter as ParamPattern);
  if (node.type === 'ObjectPattern') return `options${slice(file, node.typeAnnotation)}`;
  return slice(file, node);
}

function constCode(file: SourceFile, node: VariableDeclaration): string {
  const [declarator] = node.declarations;
  if (declarator === undefined) return '';
  const name = slice(file, declarator.id);
  if (declarator.id.typeAnnotation) return `const ${name};`;
  const value = declarator.init;
  if (value?.type === 'ArrowFunctionExpression') return `function ${name}${signature(file, value as never, name)}`;
  if (value?.type === 'ObjectExpression') {
    const members = value.properties.map((property) => {
      if (property.type !== 'Property' || property.value.type !== 'FunctionExpression') {
        throw new Error(`${file.path}: ${name} needs its type written out`);
      }
      const key = slice(file, property.key);
      return indented(docComment(file, property.start), `${key}${signature(file, property.value, key)}`);
    });
    return `const ${name}: {\n${members.join('\n')}\n};`;
  }
  if (value?.type === 'Literal') return `const ${name}: ${typeof value.value};`;
  throw new Error(`${file.path}: ${name} needs its type written out`);
}

function classCode(file: SourceFile, node: Class): string {
  const parent = node.superClass === null ? '' : ` extends ${slice(file, node.superClass)}`;
  const generics = slice(file, node.typeParameters ?? null);
  const members = node.body.body.flatMap((member) => {
    const code = memberCode(file, member);
    if (code === undefined) return [];
    return [indented(docComment(file, member.start), code)];
  });
  const body = members.length === 0 ? '{}' : `{\n${members.join('\n')}\n}`;
  return `class ${node.id?.name ?? ''}${generics}${parent} ${body}`;
}

/** Undefined for what is private, or not part of the declarations. */
function memberCode(file: SourceFile, member: ClassElement): string | undefined {
  if (!('key' in member) || member.key.type === 'PrivateIdentifier') return undefined;
  if ('accessibility' in member && (member.accessibility === 'private' || member.accessibility === 'protected'))
    return undefined;
  if (docComment(file, member.start)?.startsWith('@internal') === true) return undefined;
  const name = `${'static' in member && member.static ? 'static ' : ''}${slice(file, member.key)}`;
  if (member.type === 'MethodDefinition') {
    const kind = member.kind === 'get' ? 'get ' : member.kind === 'set' ? 'set ' : '';
    const key = member.computed ? `[${name}]` : name;
    return `${kind}${key}${signature(file, member.value, name)}`;
  }
  if (member.type !== 'PropertyDefinition') return undefined;
  const type = member.typeAnnotation ? slice(file, member.typeAnnotation) : ` = ${slice(file, member.value)}`;
  return `${member.readonly ? 'readonly ' : ''}${name}${member.optional ? '?' : ''}${type};`;
}

function indented(doc: string | undefined, code: string): string {
  return `${doc === undefined ? '' : `${commented(doc)}\n`}${code}`.replaceAll(/^(?=.)/gm, '  ');
}

function commented(doc: string): string {
  const lines = doc.split('\n');
  return lines.length === 1 ? `/** ${doc} */` : `/**\n${lines.map((line) => ` * ${line}`.trimEnd()).join('\n')}\n */`;
}

function slice(file: SourceFile, node: { start: number; end: number } | null | undefined): string {
  return node ? file.text.slice(node.start, node.end) : '';
}
