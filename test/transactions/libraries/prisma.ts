import { PrismaPg } from '@prisma/adapter-pg';
import { fromPrisma } from '../../../src/transactions/index.ts';
import { PrismaClient } from '../prisma/generated/client.ts';
import type { OpenLibrary } from './library.ts';

export const openPrisma: OpenLibrary = async (url) => {
  const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 2 }) });
  return {
    handle: prisma,
    inTransaction: (work) =>
      prisma.$transaction((tx) =>
        work({ transaction: fromPrisma(tx), bare: tx, insertOrder: (id) => tx.order.create({ data: { id } }) }),
      ),
    outside: async () => ({ given: fromPrisma(await prisma.$transaction(async (tx) => tx)) }),
    close: () => prisma.$disconnect(),
  };
};
