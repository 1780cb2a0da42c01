import { approvalsContract } from './contract.ts';
import { startEmbedded } from './embedded-store.ts';

approvalsContract(startEmbedded);
